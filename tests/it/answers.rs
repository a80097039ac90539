//! Answers have the members that the description of the API says, those that may be null among them.

use crate::support::*;

/// What in `value` is not as `schema` says; the first thing found.
fn fault(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
        return fault(document, schema, value).map(|fault| format!("{reference}: {fault}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let faults: Vec<_> = choices.iter().map(|choice| fault(document, choice, value)).collect();
        return if faults.contains(&None) { None } else { faults.into_iter().flatten().last() };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().find_map(|part| fault(document, part, value));
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" | "number" => value.is_number(),
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
        return items.iter().find_map(|item| fault(document, &schema["items"], item));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.filter(|_| value.is_object()).find(|name| value.get(name).is_none()) {
        return Some(format!("{missing} is missing"));
    }
    let members = schema["properties"].as_object().into_iter().flatten();
    members
        .filter_map(|(name, schema)| Some((name, fault(document, schema, value.get(name)?)?)))
        .next()
        .map(|(name, fault)| format!("{name}: {fault}"))
}

#[track_caller]
fn is_described(ostler: &Ostler, method: &str, path: &str, answer: &Answer) {
    let document = ostler.anonymous().get("/openapi.json").is(200).at("").clone();
    let operation = &document["paths"][path][method]["responses"]["200"];
    let schema = &operation["content"]["application/json"]["schema"];
    assert!(!schema.is_null(), "{method} {path} is not described");
    assert_eq!(fault(&document, schema, answer.at("")), None, "{answer:?}");
}

#[test]
fn what_is_described_as_required_is_answered_be_it_null() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    is_described(&ostler, "get", "/api/audit/verify", &admin.get("/api/audit/verify").is(200));
    is_described(&ostler, "get", "/api/audit", &admin.get("/api/audit").is(200));
    let config = json!({"mcpServers": {"good": {"command": "true"}, "bad": {"command": ""}}});
    for rehearsal in [true, false] {
        let body = json!({"config": config, "dryRun": rehearsal});
        let imported = admin.post("/api/mcp/import", body).is(200);
        is_described(&ostler, "post", "/api/mcp/import", &imported);
        assert_eq!(imported.list("/servers").len(), 2, "{imported:?}");
    }
}

#[test]
fn what_the_dashboard_reads_is_as_described() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    let id = server.id.clone();
    let service = json!({"name": "hay", "basePath": "/hay", "instances": [{"host": "127.0.0.1", "port": 1}]});
    admin.post("/api/gateway/services", service).is(201);
    for path in ["/api/mcp", "/api/mcp/{id}", "/api/mcp/{id}/tools", "/api/mcp/{id}/usage", "/api/system"] {
        is_described(&ostler, "get", path, &admin.get(&path.replace("{id}", &id)).is(200));
    }
    for path in ["/readyz", "/api/gateway/services", "/api/overview", "/api/auth/me", "/api/auth/users"] {
        is_described(&ostler, "get", path, &admin.get(path).is(200));
    }
}
