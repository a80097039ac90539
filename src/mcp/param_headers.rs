//! Arguments that a request over HTTP repeats in its head, as a tool's schema asks for (2026-07-28, `x-mcp-header`).

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{mcp::Members, model::from_json};

/// The annotation in a schema.
const ANNOTATION: &str = "x-mcp-header";

/// Parts of a schema that are values, in which nothing annotates.
const VALUES: [&str; 4] = ["const", "default", "enum", "examples"];

/// One argument of a tool that goes into a header as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamHeader {
    /// The header's name, such as `Mcp-Param-Region`.
    pub name: String,
    path: Vec<String>,
}

/// False when `tool`, an item of `tools/list`, certainly has no such arguments: most have none, and need not be read
/// for them.
#[must_use]
pub fn may_annotate(tool: &RawValue) -> bool {
    // An escaped form of the name would be missed by the search, so what has escapes is read.
    memchr::memmem::find(tool.get().as_bytes(), ANNOTATION.as_bytes()).is_some() || tool.get().contains("\\u")
}

impl ParamHeader {
    /// Every such argument of `tool`, an item of `tools/list`. Fails, with the reason, where an annotation is not as
    /// the specification wants it: such a tool must not be offered.
    pub fn of_tool(tool: &RawValue) -> Result<Vec<Self>, String> {
        #[derive(Deserialize)]
        struct ToolSchema<'a> {
            #[serde(borrow, rename = "inputSchema")]
            schema: Option<&'a RawValue>,
        }
        if !may_annotate(tool) {
            return Ok(Vec::new());
        }
        let read = |_| "its schema cannot be read".to_owned();
        let tool: ToolSchema<'_> = from_json(tool.get()).map_err(read)?;
        let Some(schema) = tool.schema else { return Ok(Vec::new()) };
        let schema: Value = serde_json::from_str(schema.get()).map_err(read)?;
        let mut found = Vec::new();
        walk(&schema, &mut Vec::new(), Reach::Properties, &mut found)?;
        Ok(found)
    }

    /// The header's value for these `arguments`; `None` where the argument is absent, `null` or no primitive.
    #[must_use]
    pub fn value(&self, arguments: &RawValue) -> Option<String> {
        let (last, parents) = self.path.split_last()?;
        let mut members = Members::parse(arguments).ok()?;
        for name in parents {
            let inner = members.get(name)?.clone();
            members = Members::parse(&inner).ok()?;
        }
        let value = members.get(last)?.get();
        match value.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(value).ok().map(|text| header_value(&text)),
            b'{' | b'[' | b'n' => None,
            _ => Some(value.to_owned()),
        }
    }
}

/// Text as the value of `Mcp-Name` or `Mcp-Param-*`: as it is, or encoded where a header could not hold it.
#[must_use]
pub fn header_value(text: &str) -> String {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    let trimmed = text.trim_matches([' ', '\t']) == text;
    let marked = text.starts_with("=?base64?") && text.ends_with("?=");
    if printable && trimmed && !marked { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

/// Path from the root of a schema to a place in it: only an argument by name may have a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Through `properties` alone.
    Properties,
    /// Through anything else: an item, a choice, a definition.
    Other,
}

fn walk(schema: &Value, path: &mut Vec<String>, reach: Reach, found: &mut Vec<ParamHeader>) -> Result<(), String> {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => return items.iter().try_for_each(|item| walk(item, path, Reach::Other, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
    };
    if let Some(annotation) = members.get(ANNOTATION) {
        let header = annotated(annotation, members, path, reach)?;
        if found.iter().any(|one| one.name.eq_ignore_ascii_case(&header.name)) {
            return Err(format!("{} is asked for twice", header.name));
        }
        found.push(header);
    }
    for (key, value) in members.iter().filter(|(key, _)| !VALUES.contains(&key.as_str())) {
        let Some(properties) = value.as_object().filter(|_| key == "properties") else {
            walk(value, path, Reach::Other, found)?;
            continue;
        };
        for (name, property) in properties {
            path.push(name.clone());
            walk(property, path, reach, found)?;
            path.pop();
        }
    }
    Ok(())
}

fn annotated(
    annotation: &Value,
    schema: &Map<String, Value>,
    path: &[String],
    reach: Reach,
) -> Result<ParamHeader, String> {
    let mut shown = String::new();
    let _ = write!(shown, "{ANNOTATION} {annotation}");
    let Some(name) = annotation.as_str().filter(|name| is_token(name)) else {
        return Err(format!("{shown} is no header name"));
    };
    if reach != Reach::Properties || path.is_empty() {
        return Err(format!("{shown} is not on an argument"));
    }
    if !is_primitive(schema.get("type")) {
        return Err(format!("{shown} is on no string, integer or boolean"));
    }
    Ok(ParamHeader { name: format!("Mcp-Param-{name}"), path: path.to_vec() })
}

fn is_primitive(kind: Option<&Value>) -> bool {
    let primitive = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    match kind {
        Some(Value::Array(kinds)) => {
            kinds.iter().any(primitive) && kinds.iter().all(|kind| primitive(kind) || kind.as_str() == Some("null"))
        }
        Some(kind) => primitive(kind),
        None => false,
    }
}

/// A token as in RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn of(properties: &str) -> Result<Vec<ParamHeader>, String> {
        ParamHeader::of_tool(&raw(&format!(r#"{{"name":"t","inputSchema":{{"type":"object",{properties}}}}}"#)))
    }

    #[test]
    fn annotated_arguments_are_found_and_repeated() {
        let headers =
            of(r#""properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"type":"object","properties":{"c":
            {"type":["integer","null"],"x-mcp-header":"Count"}}},"d":{"type":"boolean"}}"#)
            .unwrap();
        let value = |arguments: &str| headers.iter().map(|header| header.value(&raw(arguments))).collect::<Vec<_>>();
        assert_eq!(
            headers.iter().map(|header| &header.name).collect::<Vec<_>>(),
            ["Mcp-Param-Region", "Mcp-Param-Count"]
        );
        assert_eq!(
            value(r#"{"a":"eu","b":{"c":9007199254740993}}"#),
            [Some("eu".into()), Some("9007199254740993".into())]
        );
        assert_eq!(value(r#"{"a":null,"b":{}}"#), [None, None]);
        assert_eq!(of(r#""properties":{"a":{"type":"string"}}"#), Ok(Vec::new()));
    }

    #[test]
    fn an_invalid_annotation_is_reported() {
        let annotated = |annotation: &str, kind: &str| {
            of(&format!(r#""properties":{{"a":{{"type":"{kind}","x-mcp-header":{annotation}}}}}"#))
        };
        for annotation in [r#""""#, r#""a b""#, r#""a:b""#, r#""é""#, r#""a\r\nb""#, "1", "null"] {
            assert!(annotated(annotation, "string").is_err(), "{annotation}");
        }
        for kind in ["number", "object", "array", "null"] {
            assert!(annotated(r#""A""#, kind).is_err(), "{kind}");
        }
        let property = r#"{"type":"string","x-mcp-header":"a"}"#;
        for elsewhere in [
            format!(r#""properties":{{"l":{{"type":"array","items":{property}}}}}"#),
            format!(r#""properties":{{}},"oneOf":[{{"properties":{{"a":{property}}}}}]"#),
            format!(r#""properties":{{}},"$defs":{{"a":{property}}}"#),
            format!(r#""properties":{{"a":{property},"b":{{"type":"string","x-mcp-header":"A"}}}}"#),
            r#""x-mcp-header":"a""#.to_owned(),
        ] {
            assert!(of(&elsewhere).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn what_a_header_cannot_hold_is_encoded() {
        assert_eq!(header_value("a b\tc"), "a b\tc");
        assert_eq!(header_value(""), "");
        for text in [" a", "a ", "é", "a\nb", "=?base64?YQ==?="] {
            let encoded = header_value(text);
            let inner = encoded.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")).unwrap();
            assert_eq!(STANDARD.decode(inner).unwrap(), text.as_bytes());
        }
    }
}
