//! Schemas of tools: since 2026-07-28 any, before that of objects alone; and tasks, which only 2025-11-25 has so.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    items::{change_each, change_one},
    raw, text,
};
use crate::mcp::Members;

/// True when a tool's output schema describes an object, as all of them did before 2026-07-28, or it has none.
#[must_use]
pub fn has_object_output(tool: &RawValue) -> bool {
    let schema = Members::parse(tool).ok().and_then(|tool| tool.get("outputSchema").cloned());
    schema.is_none_or(|schema| schema.get() == "null" || is_of_object(&schema))
}

fn is_of_object(schema: &RawValue) -> bool {
    Members::parse(schema).is_ok_and(|schema| schema.text("type").as_deref() == Some("object"))
}

/// Makes the schemas of a `tools/list` result ones of objects.
pub(super) fn wrap_schemas(result: &mut Members) {
    change_each(result, "tools", |tool| {
        let is_null = tool.get("outputSchema").is_some_and(|schema| schema.get() == "null");
        let mut changed = is_null && tool.remove("outputSchema").is_some();
        if let Some(schema) = tool.get("outputSchema").filter(|schema| !is_of_object(schema)).cloned() {
            let wrapped = format!(r#"{{"type":"object","properties":{{"result":{schema}}},"required":["result"]}}"#);
            tool.set("outputSchema", raw(wrapped));
            changed = true;
        }
        if let Some(schema) = tool.get("inputSchema").filter(|schema| !is_of_object(schema)).cloned() {
            // Arguments are an object in any case, so saying it changes nothing.
            let mut schema = Members::parse(&schema).unwrap_or_default();
            schema.set("type", text("object"));
            tool.set("inputSchema", Arc::from(schema.to_raw()));
            changed = true;
        }
        changed
    });
}

/// Makes the structured content of a `tools/call` result an object, as its schema was made one of objects.
pub(super) fn wrap_structured(result: &mut Members, has_object_output: impl FnOnce() -> bool) {
    let Some(content) = result.get("structuredContent").cloned() else { return };
    let is_object = content.get().starts_with('{');
    if is_object && has_object_output() {
        return;
    }
    result.set("structuredContent", raw(format!(r#"{{"result":{content}}}"#)));
    let has_content = result.get("content").is_some_and(|content| !is_empty_array(content));
    if !has_content {
        result.set("content", raw(format!(r#"[{{"type":"text","text":{}}}]"#, text(content.get()))));
    }
}

fn is_empty_array(json: &RawValue) -> bool {
    serde_json::from_str::<Vec<serde::de::IgnoredAny>>(json.get()).is_ok_and(|items| items.is_empty())
}

/// Takes out of a `tools/list` result which tools may be run as tasks of 2025-11-25.
pub(super) fn drop_task_support(result: &mut Members) {
    if !result.get("tools").is_some_and(|tools| tools.get().contains("\"taskSupport\"")) {
        return;
    }
    change_each(result, "tools", |tool| {
        let Some(mut execution) = tool.get("execution").and_then(|execution| Members::parse(execution).ok()) else {
            return false;
        };
        let changed = execution.remove("taskSupport").is_some();
        if execution.is_empty() {
            tool.remove("execution");
        } else {
            tool.set("execution", Arc::from(execution.to_raw()));
        }
        changed
    });
}

/// Names the properties of a tool's arguments, even if there are none: some clients lose every tool otherwise.
pub fn name_properties(tool: &mut Members) {
    change_one(tool, "inputSchema", |schema| {
        let is_missing = schema.get("properties").is_none();
        if is_missing {
            schema.set("properties", raw("{}".to_owned()));
        }
        is_missing
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Members {
        Members::parse(&raw(json.into())).unwrap()
    }

    #[test]
    fn schemas_of_anything_become_schemas_of_objects() {
        let mut result = members(
            r#"{"tools":[{"name":"n","inputSchema":{"anyOf":[{}]},"outputSchema":{"type":"array"}},{"name":"o", "x":1e400,"outputSchema":{"type":"object"}},{"name":"p","outputSchema":null}]}"#,
        );
        wrap_schemas(&mut result);
        assert_eq!(
            result.to_string(),
            r#"{"tools":[{"name":"n","inputSchema":{"anyOf":[{}],"type":"object"},"outputSchema":{"type":"object","properties":{"result":{"type":"array"}},"required":["result"]}},{"name":"o", "x":1e400,"outputSchema":{"type":"object"}},{"name":"p"}]}"#
        );
    }

    #[test]
    fn structured_content_follows_its_schema_and_has_a_text() {
        let wrapped = |json: &str, object: bool| {
            let mut result = members(json);
            wrap_structured(&mut result, || object);
            result.to_string()
        };
        assert_eq!(
            wrapped(r#"{"structuredContent":[1],"content":[ ]}"#, true),
            r#"{"structuredContent":{"result":[1]},"content":[{"type":"text","text":"[1]"}]}"#
        );
        assert_eq!(
            wrapped(r#"{"content":[{}],"structuredContent":{"a":1}}"#, false),
            r#"{"content":[{}],"structuredContent":{"result":{"a":1}}}"#
        );
        let same = r#"{"content":[],"structuredContent":{"a":1}}"#;
        assert_eq!(wrapped(same, true), same);
        assert_eq!(wrapped(r#"{"content":[]}"#, true), r#"{"content":[]}"#);
    }

    #[test]
    fn task_support_of_tools_is_removed_between_eras() {
        let mut result = members(
            r#"{"tools":[{"name":"a","execution":{"taskSupport":"optional"}},{"name":"b","execution":{"taskSupport":"required","y":1}},{ "name":"c"}]}"#,
        );
        drop_task_support(&mut result);
        assert_eq!(result.to_string(), r#"{"tools":[{"name":"a"},{"name":"b","execution":{"y":1}},{ "name":"c"}]}"#);
    }

    #[test]
    fn a_tool_without_an_output_schema_needs_no_wrapping() {
        assert!(has_object_output(&raw(r#"{"name":"a"}"#.into())));
        assert!(has_object_output(&raw(r#"{"name":"a","outputSchema":{"type":"object"}}"#.into())));
        assert!(has_object_output(&raw(r#"{"name":"a","outputSchema":null}"#.into())));
        assert!(!has_object_output(&raw(r#"{"name":"a","outputSchema":{"anyOf":[]}}"#.into())));
    }
}
