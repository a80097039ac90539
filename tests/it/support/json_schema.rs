//! JSON Schema, as far as the schemas of tests need it.

use serde_json::Value;

/// What in `value` is not as `schema`, a part of `whole`, says; the first thing found.
pub fn fault(whole: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = whole.pointer(reference.trim_start_matches('#')).expect(reference);
        return fault(whole, target, value).map(|fault| format!("{reference}: {fault}"));
    }
    let is_of_kind = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("the schema has the type {other}"),
    };
    if !is_of_kind {
        return Some(format!("{value} is not of the type {}", schema["type"]));
    }
    match value {
        Value::String(text) => of_text(schema, text),
        Value::Array(items) => items.iter().find_map(|item| fault(whole, &schema["items"], item)),
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let mut missing = required.filter_map(Value::as_str).filter(|name| !members.contains_key(*name));
            let of_member = |(name, member): (&String, &Value)| match (&schema["properties"][name], member) {
                (Value::Null, _) if schema["additionalProperties"] == false => Some(format!("has {name}")),
                (Value::Null, member) => fault(whole, &schema["additionalProperties"], member),
                (known, member) => fault(whole, known, member).map(|fault| format!("{name}: {fault}")),
            };
            missing.next().map(|name| format!("lacks {name}")).or_else(|| members.iter().find_map(of_member))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn of_text(schema: &Value, text: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    let fits = |pattern: &str| regress::Regex::new(pattern).unwrap().find(text).is_some();
    let is_sound = schema["minLength"].as_u64().is_none_or(|least| length >= least)
        && schema["maxLength"].as_u64().is_none_or(|most| length <= most)
        && schema["pattern"].as_str().is_none_or(fits)
        && schema["enum"].as_array().is_none_or(|words| words.iter().any(|word| word == text));
    (!is_sound).then(|| format!("{text:?} is not as {schema} says"))
}
