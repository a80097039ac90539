//! Answers held against the description of the API: statuses, media types, members and their types.

use std::sync::LazyLock;

use serde_json::Value;

use super::Answer;

/// The description that `/openapi.json` serves; a unit test keeps the file equal to it.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../dashboard/openapi.json")).unwrap());

/// Claims that an answer of Ostler is one that the description of its route has.
#[track_caller]
pub fn check(method: &str, path: &str, answer: &Answer) {
    // Upstreams and fakes name no request, and what has no description (pages, services) is not looked at.
    let Some(operation) = operation(method, path).filter(|_| answer.header("x-request-id").is_some()) else { return };
    let responses = &operation["responses"];
    let by_status = &responses[answer.status.to_string()];
    // `default` is any other problem, and no problem is below 400.
    let response = if by_status.is_null() && answer.status >= 400 { &responses["default"] } else { by_status };
    assert!(response.is_object(), "the description has no such status: {answer:?}");
    if method == "HEAD" || answer.body.is_empty() {
        return;
    }
    let media = answer.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
    let content = &response["content"][media];
    assert!(content.is_object(), "the description has no {media:?} for this status: {answer:?}");
    // What is nested too deep for a reader of JSON is not read.
    if media.ends_with("json") && !answer.json.is_null() {
        assert_eq!(fault(&content["schema"], &answer.json), None, "{answer:?}");
    }
}

/// The operation of a route, fixed paths before those with parameters.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let parts = || path.split('/');
    let fits = |template: &str| {
        let is_equal = |(named, part): (&str, &str)| named == part || named.starts_with('{') && !part.is_empty();
        template.split('/').count() == parts().count() && template.split('/').zip(parts()).all(is_equal)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let found = paths.iter().filter(|(template, _)| fits(template));
    let (_, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    item.get(method)
}

/// What in `value` is not as `schema` says; the first thing found.
fn fault(schema: &'static Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = resolve(schema);
        return fault(schema, value).map(|fault| format!("{reference}: {fault}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let faults: Vec<_> = choices.iter().map(|choice| fault(choice, value)).collect();
        return if faults.contains(&None) { None } else { faults.into_iter().flatten().last() };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().find_map(|part| fault(part, value));
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{value} is none of {words:?}"));
    }
    let kind = &schema["type"];
    let several = kind.as_array().into_iter().flatten();
    let kinds: Vec<_> = several.chain([kind]).filter_map(Value::as_str).collect();
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        return Some(format!("{value} is no {kinds:?}"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| fault(&schema["items"], item));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.filter(|_| value.is_object()).find(|name| value.get(name).is_none()) {
        return Some(format!("{missing} is missing"));
    }
    members_fault(schema, value)
}

fn members_fault(schema: &'static Value, value: &Value) -> Option<String> {
    let known = schema["properties"].as_object();
    let others = &schema["additionalProperties"];
    value.as_object().into_iter().flatten().find_map(|(name, member)| {
        let schema = known.and_then(|known| known.get(name)).unwrap_or(others);
        fault(schema, member).map(|fault| format!("{name}: {fault}"))
    })
}

/// The schema that a reference leads to; the schema itself where it is none.
pub fn resolve(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}
