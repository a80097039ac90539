//! Rules for schemas that their derives cannot know: names of variants and of items, and nulls in answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::{Ref, RefOr, Schema, schema::ArrayItems};

/// Schemas by their names.
pub(super) type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Applies the rules; `bodies` are the names of the schemas of request bodies.
pub(super) fn complete(schemas: &mut Schemas, bodies: BTreeSet<String>) {
    name_variants(schemas);
    refer_to_items(schemas);
    let requested = referenced(schemas, bodies);
    let answered = schemas.iter_mut().filter(|(name, _)| !requested.contains(*name));
    answered.for_each(|(_, schema)| require_nulls(schema));
}

/// Makes each variant with a title a schema of that name: generated clients have a type for it then.
fn name_variants(schemas: &mut Schemas) {
    let mut named = Schemas::new();
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::OneOf(choices)) = schema else { continue };
        for choice in &mut choices.items {
            let RefOr::T(Schema::Object(variant)) = choice else { continue };
            if let Some(name) = variant.title.take() {
                let reference = RefOr::Ref(Ref::from_schema_name(&name));
                named.insert(name, std::mem::replace(choice, reference));
            }
        }
    }
    schemas.extend(named);
}

/// Refers to the schema of a list's items, which utoipa copies into each list.
fn refer_to_items(schemas: &mut Schemas) {
    let names: BTreeSet<_> = schemas.keys().cloned().collect();
    for (name, schema) in schemas {
        let Some(item) = name.strip_prefix("List_").filter(|item| names.contains(*item)) else { continue };
        if let RefOr::T(Schema::Object(list)) = schema
            && let Some(RefOr::T(Schema::Array(items))) = list.properties.get_mut("items")
        {
            items.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
        }
    }
}

/// The names `from`, and those that their schemas refer to, at any depth.
fn referenced(schemas: &Schemas, from: BTreeSet<String>) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), Vec::from_iter(from));
    while let Some(name) = open.pop() {
        let schema = schemas.get(&name).and_then(|schema| serde_json::to_value(schema).ok());
        if found.insert(name) {
            references(&schema.unwrap_or_default(), &mut open);
        }
    }
    found
}

fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            names.extend(reference.and_then(|path| path.rsplit('/').next()).map(ToOwned::to_owned));
            members.values().for_each(|member| references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// In answers, what may be `null` is sent as `null`, never left out.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's, and growing; the others have no fields")]
fn require_nulls(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(require_nulls),
        RefOr::T(Schema::Object(object)) => {
            let nulls = object.properties.iter().filter(|(_, field)| may_be_null(field)).map(|(name, _)| name);
            let missing: Vec<_> = nulls.filter(|name| !object.required.contains(name)).cloned().collect();
            object.required.extend(missing);
        }
        _ => {}
    }
}

fn may_be_null(field: &RefOr<Schema>) -> bool {
    let json = serde_json::to_value(field).unwrap_or_default();
    let is_null = |one: &Value| one == "null" || one.get("type").is_some_and(|kind| kind == "null");
    let choices = ["type", "oneOf"].into_iter().filter_map(|word| json.get(word)?.as_array());
    choices.flatten().any(is_null)
}
