//! Parts common to the descriptions of all operations and all answers, added to those that the handlers give.

use std::collections::BTreeSet;

use utoipa::{
    Modify,
    openapi::{
        self, Content, ObjectBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    http::openapi::schemas,
    secrets::SESSION_COOKIE,
    web::{json_rpc, problem},
};

/// Adds the parts that all operations share, so that no handler can omit them.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token from `/api/auth/login`, or an API key"))
            .build();
        let cookie = ApiKeyValue::with_description(
            SESSION_COOKIE,
            "Set by logging in, for browsers; its name goes on with `_` and an id of the installation",
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let mut bodies = BTreeSet::new();
        for (path, item) in &mut description.paths.paths {
            let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in methods.into_iter().flatten() {
                complete(path, operation);
                bodies.extend(body_of(operation));
            }
        }
        schemas::complete(&mut description.components.get_or_insert_default().schemas, bodies);
    }
}

/// Adds the answers any such call may get, and the cookie wherever a token is taken.
fn complete(path: &str, operation: &mut Operation) {
    let is_login = path == "/api/auth/login";
    let is_private = !is_login
        && !["/livez", "/readyz", "/health"].contains(&path)
        && !["/.well-known/", "/oauth/"].iter().any(|start| path.starts_with(start));
    name(operation);
    let mut add = |status: &str, text: &str| {
        let known = operation.responses.responses.get(status).and_then(described);
        let text = known.map_or_else(|| text.to_owned(), |known| format!("{known}. {text}"));
        operation.responses.responses.insert(status.into(), problem_response(&text));
    };
    if operation.request_body.is_some() {
        add("400", "Code `malformed_request`: the body is not JSON");
        add("413", "Code `payload_too_large`: the body is longer than 4 MiB");
        add("415", "Code `unsupported_media_type`: the body is not `application/json`");
        add("422", "Code `validation_failed`: `errors` names each field that cannot be accepted");
    }
    if path.contains('{') {
        add("404", "There is no such thing, or it belongs to another user");
    }
    if is_private {
        add("401", "Code `unauthenticated`: no token, or one that has ended");
        add("403", "Code `forbidden`: a permission is missing");
    }
    if is_login {
        add("401", "Code `unauthenticated`: the address or the password is wrong");
    }
    if is_private || is_login {
        add("503", "Codes `busy`, `store_unavailable`, `not_ready`: try again soon");
        add("429", "Code `rate_limited`: wait as long as `Retry-After` says");
        if is_private {
            add("429", "So are more than 60 requests in a minute from one address without a valid credential");
        }
    }
    add("default", "Any other problem");
    // Whatever fails is answered with a problem.
    let failures = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in failures {
        *response = problem_response(&described(response).unwrap_or_default());
    }
    if json_rpc::is_endpoint(path) {
        operation.responses.responses.values_mut().for_each(allow_json_rpc);
    }
    // A scraper has no cookie.
    if path != "/metrics" {
        allow_cookie(operation);
    }
}

/// Adds the form that a problem has for clients of MCP.
fn allow_json_rpc(response: &mut RefOr<openapi::Response>) {
    if let RefOr::T(response) = response
        && response.content.contains_key(problem::CONTENT_TYPE)
    {
        let error = Content::new(Some(
            ObjectBuilder::new().description(Some("A JSON-RPC error with the problem as its `data`")),
        ));
        response.content.insert("application/json".into(), RefOr::T(error));
    }
}

fn allow_cookie(operation: &mut Operation) {
    let Some(requirements) = &mut operation.security else { return };
    let bearer = serde_json::to_value(&*requirements).unwrap_or_default();
    let Some(scopes) = bearer.pointer("/0/bearer").and_then(serde_json::Value::as_array) else { return };
    let scopes: Vec<&str> = scopes.iter().filter_map(serde_json::Value::as_str).collect();
    requirements.push(SecurityRequirement::new("session", scopes));
}

fn described(response: &RefOr<openapi::Response>) -> Option<String> {
    match response {
        RefOr::T(response) => Some(response.description.clone()),
        RefOr::Ref(_) => None,
    }
}

fn problem_response(text: &str) -> RefOr<openapi::Response> {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new().description(text).content(problem::CONTENT_TYPE, Content::new(Some(schema))).build().into()
}

/// Names of handlers repeat; a name for programs must not.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().map_or("", String::as_str);
    operation.operation_id = operation.operation_id.as_ref().map(|id| format!("{tag}_{id}"));
}

/// The name of the schema that the body of a request has.
fn body_of(operation: &Operation) -> Option<String> {
    let RefOr::T(body) = operation.request_body.as_ref()? else { return None };
    let RefOr::T(content) = body.content.values().next()? else { return None };
    let RefOr::Ref(reference) = content.schema.as_ref()? else { return None };
    reference.ref_location.rsplit('/').next().map(ToOwned::to_owned)
}
