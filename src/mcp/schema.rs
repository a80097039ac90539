//! JSON Schemas that a validator can compile (as Ajv 8 does, by which the official TypeScript SDK checks results).

use regress::{Flags, Regex};
use serde_json::{Map, Value};

/// Names of types.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// The path of the first member with which no validator can be made of a schema, such as `properties.a.pattern`.
pub(super) fn uncompilable_member(schema: &Value) -> Option<String> {
    fault(schema, schema).map(|path| path.join("."))
}

/// The path from `schema`, a part of `root`.
fn fault<'a>(root: &Value, schema: &'a Value) -> Option<Vec<&'a str>> {
    match schema {
        Value::Bool(_) => None,
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let path = keyword(root, members, name, value)?;
            Some([vec![name.as_str()], path].concat())
        }),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => Some(Vec::new()),
    }
}

/// The path to what is wrong with the value of a keyword; none where nothing is, or it is no keyword.
fn keyword<'a>(root: &Value, schema: &Map<String, Value>, name: &str, value: &'a Value) -> Option<Vec<&'a str>> {
    let is_sound = match name {
        "properties" | "patternProperties" | "dependencies" | "$defs" | "definitions" => {
            let Value::Object(schemas) = value else { return Some(Vec::new()) };
            return schemas.iter().find_map(|(key, schema)| {
                let path = match name {
                    "patternProperties" if !is_pattern(key) => Some(Vec::new()),
                    // Names of other properties.
                    "dependencies" if schema.is_array() => None,
                    _ => fault(root, schema),
                };
                Some([vec![key.as_str()], path?].concat())
            });
        }
        "items" if value.is_array() => return schemas_fault(root, value),
        "allOf" | "anyOf" | "oneOf" => return schemas_fault(root, value),
        "items"
        | "additionalItems"
        | "additionalProperties"
        | "contains"
        | "propertyNames"
        | "not"
        | "if"
        | "then"
        | "else" => return fault(root, value),
        "type" => value.as_array().map_or_else(|| is_type(value), |types| types.iter().all(is_type)),
        "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "pattern" => value.as_str().is_some_and(is_pattern),
        "format" | "$id" => value.is_string(),
        "uniqueItems" => value.is_boolean(),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength"
        | "minItems" | "maxItems" | "minProperties" | "maxProperties" => value.is_number(),
        // Of OpenAPI 3.0, which has it beside a type.
        "nullable" => *value == Value::Bool(false) || (value.is_boolean() && schema.contains_key("type")),
        // That of draft 4 is refused.
        "id" => false,
        "$ref" => value.as_str().is_some_and(|place| is_place(root, place)),
        _ => true,
    };
    (!is_sound).then(Vec::new)
}

fn schemas_fault<'a>(root: &Value, value: &'a Value) -> Option<Vec<&'a str>> {
    let Some(schemas) = value.as_array().filter(|schemas| !schemas.is_empty()) else { return Some(Vec::new()) };
    schemas.iter().find_map(|schema| fault(root, schema))
}

fn is_type(value: &Value) -> bool {
    value.as_str().is_some_and(|name| TYPES.contains(&name))
}

/// True for a regular expression of ECMAScript, with characters as its units.
fn is_pattern(text: &str) -> bool {
    // Unoptimized: that would unroll loops, and the pattern is a stranger's.
    Regex::with_flags(text, Flags { unicode: true, no_opt: true, ..Flags::default() }).is_ok()
}

/// True for a reference to a part of the schema itself: nothing is fetched.
fn is_place(root: &Value, reference: &str) -> bool {
    let Some(pointer) = reference.strip_prefix('#') else { return false };
    // Anchors and percent signs are rare, and taken on trust.
    let is_pointer = (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%');
    !is_pointer || root.pointer(pointer).is_some_and(|part| part.is_object() || part.is_boolean())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_of_every_dialect_pass() {
        for good in [
            json!({}),
            json!({"type": ["string", "null"], "nullable": true, "format": "unknown-format", "x-own": null}),
            json!({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"$ref": "#"}, "c": {"$ref": "#/a%20b"}, "d": {"$ref": "#node"}}, "$schema": "https://json-schema.org/draft/2020-12/schema"}),
            json!({"properties": {"id": {"pattern": "^(?=a)[\\w\\-.]+$"}, "type": true}, "required": []}),
            json!({"items": [{"enum": [null]}], "anyOf": [true, {"const": {}}], "minimum": 1.5, "prefixItems": 7}),
        ] {
            assert_eq!(uncompilable_member(&good), None, "{good}");
        }
    }

    #[test]
    fn the_member_that_no_validator_takes_is_named() {
        for (bad, member) in [
            (json!({"properties": {"a": {"pattern": "("}}}), "properties.a.pattern"),
            (json!({"properties": {"a": {"pattern": "(?P<x>a)\\Z"}}}), "properties.a.pattern"),
            (json!({"patternProperties": {"[": {}}}), "patternProperties.["),
            (json!({"$ref": "#/definitions/Gone"}), "$ref"),
            (json!({"items": {"$ref": "https://a.example/schema.json"}}), "items.$ref"),
            (json!({"properties": {"a": {"type": "str"}}}), "properties.a.type"),
            (json!({"properties": {"a": null}}), "properties.a"),
            (json!({"properties": {"a": {"exclusiveMinimum": true}}}), "properties.a.exclusiveMinimum"),
            (json!({"properties": {"a": {"required": true}}}), "properties.a.required"),
            (json!({"anyOf": [{"enum": []}]}), "anyOf.enum"),
            (json!({"allOf": {}}), "allOf"),
            (json!({"nullable": true}), "nullable"),
            (json!({"id": "http://a.example/schema"}), "id"),
        ] {
            assert_eq!(uncompilable_member(&bad).as_deref(), Some(member), "{bad}");
        }
    }
}
