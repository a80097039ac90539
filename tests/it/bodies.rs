//! Bodies are read as the description of the API has them, and no other way.

use crate::support::{
    contract::{DESCRIPTION, resolve},
    http::Ask,
    setup::ADMIN_PASSWORD,
    *,
};

/// Method, path and schema of the body of each request that has one with fields.
fn bodies() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    operations
        .map(|(method, path, operation)| (method, path, &operation["requestBody"]["content"]["application/json"]))
        .map(|(method, path, content)| (method, path, resolve(&content["schema"])))
        .filter(|(_, _, schema)| schema["properties"].is_object())
        .collect()
}

/// A value of another form than the schema's, which reads as a value of it by position or by name; where in it the
/// fault is; and how that is called. `None` where there is no such form.
fn misread(schema: &'static Value) -> Option<(Value, &'static str, &'static str)> {
    let schema = resolve(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().find_map(misread);
    }
    if let Some(name) = schema["enum"][0].as_str() {
        return Some((json!({name: null}), "", "invalid type: object"));
    }
    if schema["properties"].is_object() {
        return Some((json!([]), "", "invalid type: array"));
    }
    let (item, place, says) = misread(schema.get("items")?)?;
    assert_eq!(place, "", "no list of lists");
    Some((json!([item]), "/0", says))
}

#[test]
fn an_object_is_no_list_and_a_name_no_object_in_any_body() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let id = uuid::Uuid::now_v7().to_string();
    let mut fields = 0;
    for (method, path, schema) in bodies() {
        let path = path.replace("{id}", &id).replace("{userId}", &id).replace("{name}", "hay");
        let refused = |body: Value, place: &str, says: &str| {
            let answer = admin.ask(&method.to_uppercase(), &path).json(&body).send().problem(422, "validation_failed");
            assert!(answer.string("/errors/0/message").starts_with(says), "{body}: {answer:?}");
            answer.has("/errors/0/pointer", place);
        };
        refused(json!([]), "", "invalid type: array");
        for (name, field) in schema["properties"].as_object().unwrap() {
            let Some((value, place, says)) = misread(field) else { continue };
            refused(json!({name: value}), &format!("/{name}{place}"), says);
            fields += 1;
        }
    }
    assert!(fields >= 10, "only {fields} fields have a form to mistake");
}

#[test]
fn nothing_is_done_by_a_body_read_by_position() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let login = json!(["admin@localhost", ADMIN_PASSWORD]);
    Ask::new(ostler.address, "POST", "/api/auth/login").json(&login).send().problem(422, "validation_failed");
    admin.post("/api/mcp/import", json!([{"mcpServers": {"a": {"command": "true"}}}, {}, false])).is(422);
    admin.post("/api/auth/keys", json!(["k", null, null])).is(422);
    let isolation = json!({"name": "a", "command": "true", "isolation": {"per-user": null}});
    admin.post("/api/mcp", isolation).is(422).has("/errors/0/pointer", "/isolation");
    assert!(admin.get("/api/mcp").is(200).list("/items").is_empty());
    assert!(admin.get("/api/auth/keys").is(200).list("/items").is_empty());
}
