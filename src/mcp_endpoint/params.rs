//! `Mcp-Param-*`: the headers in which a modern call repeats those arguments that its tool's schema marks with
//! `x-mcp-header` (2026-07-28, transports/streamable-http).

use actix_web::http::header::{HeaderMap, HeaderName};
use serde_json::{Value, value::RawValue};

use super::{
    headers::{decoded, only},
    json_rpc_id::JsonRpcId,
    refusal::MessageRefusal,
};
use crate::mcp::Request;

const HEADER_ANNOTATION: &str = "x-mcp-header";
/// Depth at which annotated arguments are found.
const ARGUMENT_DEPTH_MAX: usize = 16;

/// An argument that a header repeats.
#[derive(Debug, PartialEq, Eq)]
struct AnnotatedArgument {
    header: HeaderName,
    path: Vec<String>,
}

/// Refuses a call whose headers do not say what its arguments say.
pub(super) fn check(
    headers: &HeaderMap,
    id: &JsonRpcId,
    request: &Request,
    tool: &RawValue,
) -> Result<(), MessageRefusal> {
    let tool: Value = serde_json::from_str(tool.get()).unwrap_or_default();
    let arguments = request.params.get("arguments");
    let arguments: Value = arguments.and_then(|all| serde_json::from_str(all.get()).ok()).unwrap_or_default();
    for AnnotatedArgument { header, path } in annotated_arguments(&tool) {
        let value = path.iter().try_fold(&arguments, |value, name| value.get(name)).filter(|value| !value.is_null());
        let text = only(headers, &header).and_then(|text| match text.map(decoded) {
            Some(None) => Err(format!("the header {header} cannot be decoded")),
            Some(Some(text)) => Ok(Some(text)),
            None => Ok(None),
        });
        let fault = match (text, value) {
            (Err(fault), _) => Some(fault),
            (Ok(None), Some(_)) => Some(format!("the header {header} is missing")),
            (Ok(Some(text)), Some(value)) if is_same(&text, value) => None,
            (Ok(Some(_)), Some(_) | None) => Some(format!("the header {header} says something else than the body")),
            (Ok(None), None) => None,
        };
        if let Some(fault) = fault {
            return Err(MessageRefusal::header(Some(id.clone()), &fault));
        }
    }
    Ok(())
}

/// Annotated arguments, where the annotation is valid: a token, on a string, an integer or a boolean that is reached
/// through properties alone.
fn annotated_arguments(tool: &Value) -> Vec<AnnotatedArgument> {
    let mut found = Vec::new();
    if let Some(schema) = tool.get("inputSchema") {
        collect(schema, &mut Vec::new(), &mut found);
    }
    found
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<AnnotatedArgument>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        path.push(name.clone());
        if let Some(header) = header_of(property) {
            found.push(AnnotatedArgument { header, path: path.clone() });
        }
        if path.len() < ARGUMENT_DEPTH_MAX {
            collect(property, path, found);
        }
        path.pop();
    }
}

fn header_of(property: &Value) -> Option<HeaderName> {
    let mark = property.get(HEADER_ANNOTATION)?.as_str().filter(|mark| !mark.is_empty())?;
    let is_simple = ["string", "integer", "boolean"].contains(&property.get("type")?.as_str()?);
    is_simple.then(|| HeaderName::from_bytes(format!("mcp-param-{mark}").as_bytes()).ok())?
}

/// Compares a header's text with an argument; numbers are compared as such.
fn is_same(repeated: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => repeated == text,
        Value::Number(number) => match (repeated.parse::<i128>(), number.to_string().parse::<i128>()) {
            (Ok(repeated), Ok(number)) => repeated == number,
            (Ok(_), Err(_)) | (Err(_), _) => repeated.parse::<f64>().ok() == number.as_f64(),
        },
        Value::Bool(truth) => repeated == if *truth { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::mcp_endpoint::message::{ClientMessage, PostBody};

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
        let PostBody::One(ClientMessage::Request(id, request)) = PostBody::parse(text.as_bytes()).unwrap() else {
            panic!()
        };
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
