//! `Mcp-Param-*`: the headers in which a modern call repeats those arguments that its tool's schema marks with
//! `x-mcp-header` (2026-07-28, transports/streamable-http).

use actix_web::http::header::{HeaderMap, HeaderName};
use serde_json::{Value, value::RawValue};

use super::{
    headers::{decoded, only},
    json_rpc_id::JsonRpcId,
    refusal::Refusal,
};
use crate::mcp::Request;

const MARK: &str = "x-mcp-header";
/// How deep a marked argument may lie.
const DEEPEST: usize = 16;

/// An argument that a header repeats.
#[derive(Debug, PartialEq, Eq)]
struct Marked {
    header: HeaderName,
    path: Vec<String>,
}

/// Refuses a call whose headers do not say what its arguments say.
pub(super) fn check(headers: &HeaderMap, id: &JsonRpcId, request: &Request, tool: &RawValue) -> Result<(), Refusal> {
    let tool: Value = serde_json::from_str(tool.get()).unwrap_or_default();
    let arguments = request.params.get("arguments");
    let arguments: Value = arguments.and_then(|all| serde_json::from_str(all.get()).ok()).unwrap_or_default();
    for Marked { header, path } in marked(&tool) {
        let value = path.iter().try_fold(&arguments, |value, name| value.get(name)).filter(|value| !value.is_null());
        let said = only(headers, &header).and_then(|said| match said.map(decoded) {
            Some(None) => Err(format!("the header {header} cannot be decoded")),
            Some(Some(said)) => Ok(Some(said)),
            None => Ok(None),
        });
        let fault = match (said, value) {
            (Err(fault), _) => Some(fault),
            (Ok(None), Some(_)) => Some(format!("the header {header} is missing")),
            (Ok(Some(said)), Some(value)) if is_same(&said, value) => None,
            (Ok(Some(_)), Some(_) | None) => Some(format!("the header {header} says something else than the body")),
            (Ok(None), None) => None,
        };
        if let Some(fault) = fault {
            return Err(Refusal::header(Some(id.clone()), &fault));
        }
    }
    Ok(())
}

/// What a description marks in a way that counts: with a token, on a text, a whole number or a truth value that is reached
/// through properties alone.
fn marked(tool: &Value) -> Vec<Marked> {
    let mut found = Vec::new();
    if let Some(schema) = tool.get("inputSchema") {
        collect(schema, &mut Vec::new(), &mut found);
    }
    found
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Marked>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(header) = header_of(property) {
            found.push(Marked { header, path: path.clone() });
        }
        if path.len() < DEEPEST {
            collect(property, path, found);
        }
        path.pop();
    }
}

fn header_of(property: &Value) -> Option<HeaderName> {
    let mark = property.get(MARK)?.as_str().filter(|mark| !mark.is_empty())?;
    let is_simple = ["string", "integer", "boolean"].contains(&property.get("type")?.as_str()?);
    is_simple.then(|| HeaderName::from_bytes(format!("mcp-param-{mark}").as_bytes()).ok())?
}

/// Whether a header's text stands for this value; numbers are compared as such.
fn is_same(said: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => said == text,
        Value::Number(number) => match (said.parse::<i128>(), number.to_string().parse::<i128>()) {
            (Ok(said), Ok(number)) => said == number,
            (Ok(_), Err(_)) | (Err(_), _) => said.parse::<f64>().ok() == number.as_f64(),
        },
        Value::Bool(truth) => said == if *truth { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::mcp_endpoint::message::{Message, Posted};

    fn checked(pairs: &[(&'static str, &'static str)], arguments: &str) -> Result<(), i64> {
        let tool = json!({"name": "t", "inputSchema": {"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {"count": {"type": "integer", "x-mcp-header": "Count"}}},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "size": {"type": "number", "x-mcp-header": "Size"},
            "bad": {"type": "string", "x-mcp-header": "not a token"},
            "list": {"type": "array", "items": {"type": "string", "x-mcp-header": "Item"}},
        }}});
        let tool = RawValue::from_string(tool.to_string()).unwrap();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
        );
        let Posted::One(Message::Request(id, request)) = Posted::parse(text.as_bytes()).unwrap() else { panic!() };
        let headers =
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        check(&headers.collect(), &id, &request, &tool).map_err(|refusal| refusal.code())
    }

    #[test]
    fn what_headers_repeat_must_be_what_the_arguments_say() {
        let headers = [("mcp-param-region", "=?base64?w6Q=?="), ("mcp-param-count", "042"), ("mcp-param-dry", "true")];
        assert_eq!(checked(&headers, r#"{"region":"ä","deep":{"count":42},"dry":true,"size":1.5,"bad":"x"}"#), Ok(()));
        assert_eq!(checked(&[], r#"{"region":null,"deep":{},"list":["x"]}"#), Ok(()));
        assert_eq!(checked(&[], "{}"), Ok(()));
    }

    #[test]
    fn a_header_that_is_missing_superfluous_or_different_is_refused() {
        assert_eq!(checked(&[], r#"{"region":"eu"}"#), Err(-32020));
        assert_eq!(checked(&[("mcp-param-region", "eu")], "{}"), Err(-32020));
        assert_eq!(checked(&[("mcp-param-region", "EU")], r#"{"region":"eu"}"#), Err(-32020));
        assert_eq!(checked(&[("mcp-param-region", "=?base64?SGVsbG8?=")], r#"{"region":"Hello"}"#), Err(-32020));
        assert_eq!(checked(&[("mcp-param-count", "43")], r#"{"deep":{"count":42}}"#), Err(-32020));
        assert_eq!(checked(&[("mcp-param-dry", "True")], r#"{"dry":true}"#), Err(-32020));
    }

    #[test]
    fn what_is_marked_as_base64_on_one_side_only_is_taken_as_it_is() {
        assert_eq!(checked(&[("mcp-param-region", "=?base64?SGVs")], r#"{"region":"=?base64?SGVs"}"#), Ok(()));
    }
}
