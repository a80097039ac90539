//! Schemas: a type in words, an object as a table.

use serde_json::{Map, Value};

use crate::web::html::{anchor, escape, inline};

/// A type in words, linked where it has a name.
pub(super) fn in_words(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a href=\"#schema-{}\">{}</a>", anchor(name), escape(name));
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return either(values.iter().map(|value| format!("<code>{}</code>", escape(&value.to_string()))));
    }
    if let Some(Value::Array(choices)) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
        return either(choices.iter().map(in_words));
    }
    match schema.get("type") {
        Some(Value::String(kind)) => simple(kind, schema),
        Some(Value::Array(kinds)) => {
            either(kinds.iter().map(|kind| simple(kind.as_str().unwrap_or("anything"), schema)))
        }
        _ => "anything".into(),
    }
}

/// A type in words, with its bounds and its default.
pub(super) fn bounded(schema: &Value) -> String {
    let mut words = in_words(schema);
    let range = |low: &str, high: &str| (schema.get(low), schema.get(high));
    for (about, bounds) in [
        ("", range("minimum", "maximum")),
        ("length ", range("minLength", "maxLength")),
        ("items: ", range("minItems", "maxItems")),
    ] {
        match bounds {
            (Some(low), Some(high)) => words.push_str(&format!(", {about}{low} to {high}")),
            (None, Some(high)) => words.push_str(&format!(", {about}at most {high}")),
            // That a count is not negative goes without saying.
            (Some(_) | None, None) => {}
        }
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        words.push_str(&format!(", <code>{}</code> if left out", escape(&default.to_string())));
    }
    words
}

fn simple(kind: &str, schema: &Value) -> String {
    match kind {
        "array" => format!("list of {}", schema.get("items").map_or_else(|| "anything".into(), in_words)),
        "object" => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("object of {}", in_words(values)),
            _ => "object".into(),
        },
        "string" if schema.get("format").is_some_and(|format| format == "date-time") => "time".into(),
        other => escape(other),
    }
}

fn either(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" or ")
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
}

/// The fields of an object as a table; its type in words where it is no object.
pub(super) fn table(schema: &Value, all: &Map<String, Value>) -> String {
    let mut rows = String::new();
    collect(schema, all, &mut rows);
    if rows.is_empty() {
        return format!("<p>{}</p>\n", in_words(schema));
    }
    format!(
        "<table><thead><tr><th>field</th><th>type</th><th></th><th>meaning</th></tr></thead><tbody>\n{rows}</tbody></table>\n"
    )
}

/// The rows of an object, those of what it includes too.
fn collect(schema: &Value, all: &Map<String, Value>, rows: &mut String) {
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        let part = reference(part).and_then(|name| all.get(name)).unwrap_or(part);
        collect(part, all, rows);
    }
    let required: Vec<&Value> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let need = if required.contains(&&Value::from(name.as_str())) { "always" } else { "may be left out" };
        rows.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{need}</td><td>{}</td></tr>\n",
            escape(name),
            bounded(field),
            inline(description(field)),
        ));
    }
}

/// The `description` of a part of the OpenAPI document.
pub(super) fn description(part: &Value) -> &str {
    part.get("description").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_read_as_words() {
        for (schema, words) in [
            (json!({"type": "array", "items": {"type": "string"}}), "list of string"),
            (json!({"type": ["string", "null"], "format": "date-time"}), "time or null"),
            (json!({"$ref": "#/components/schemas/A_b"}), "<a href=\"#schema-A_b\">A_b</a>"),
            (json!({"oneOf": [{"type": "null"}, {"type": "object"}]}), "null or object"),
            (json!({"enum": ["<x>"]}), "<code>&quot;&lt;x&gt;&quot;</code>"),
            (json!({}), "anything"),
        ] {
            assert_eq!(in_words(&schema), words);
        }
    }
}
