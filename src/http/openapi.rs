//! The OpenAPI description: collected from the handlers, completed with what is true of all of them.

use std::sync::OnceLock;

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Content, Ref, RefOr, ResponseBuilder, SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::http::{
    Answer, audit, calls, execute, keys, login, output, problem, processes, servers, shares, state, users,
};

/// What comes before the list of calls.
const INTRODUCTION: &str = include_str!("openapi/introduction.md");

/// The description of every route.
#[derive(OpenApi)]
#[openapi(
    info(title = "Ostler", description = INTRODUCTION),
    paths(
        login::login, login::logout, login::me, login::change_password,
        keys::list, keys::create, keys::delete,
        servers::list, servers::create, servers::get, servers::update, servers::delete, servers::check_health,
        processes::start, processes::stop, processes::restart, processes::tools, output::read,
        execute::execute, calls::list,
        shares::list, shares::create, shares::delete,
        servers::list_all, servers::statistics,
        users::list, users::create, users::get, users::update, users::delete,
        audit::list,
        state::live, state::ready, state::health, state::metrics,
    ),
    components(schemas(problem::Body, crate::error::Fault)),
    tags(
        (name = "account", description = "Logging in, and what is yours"),
        (name = "servers", description = "MCP servers: registering, reading, changing"),
        (name = "processes", description = "What runs: starting, stopping, tools, output"),
        (name = "calls", description = "Calling tools, and the calls on record"),
        (name = "shares", description = "Who else may use a server"),
        (name = "administration", description = "Everybody's servers, accounts, the audit log"),
        (name = "state", description = "How Ostler itself is"),
    ),
    modifiers(&Common)
)]
struct Description;

/// What every operation shares, so that no handler can forget it.
struct Common;

impl Modify for Common {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token from `/api/auth/login`, or an API key"))
            .build();
        let cookie = ApiKeyValue::with_description("ostler_session", "Set by logging in, for browsers");
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        for (path, item) in &mut description.paths.paths {
            let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in methods.into_iter().flatten() {
                complete(path, operation);
            }
        }
    }
}

/// Adds the answers any such call may get, and the cookie wherever a token is taken.
fn complete(path: &str, operation: &mut Operation) {
    let is_private = !path.starts_with("/livez") && !["/readyz", "/health", "/api/auth/login"].contains(&path);
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
        add("404", "There is no such thing, or it is somebody else's");
    }
    if is_private {
        add("403", "Code `forbidden`: a permission is missing");
        add("503", "Codes `busy`, `store_unavailable`, `not_ready`: try again soon");
    }
    if is_private || path.ends_with("/login") {
        add("401", "Code `unauthenticated`: no token, or one that has ended");
        add("429", "Code `rate_limited`: wait as long as `Retry-After` says");
    }
    add("default", "Any other problem");
    for response in ["400", "409", "412", "500", "504"] {
        if let Some(text) = operation.responses.responses.get(response).and_then(described) {
            operation.responses.responses.insert(response.into(), problem_response(&text));
        }
    }
    allow_cookie(operation);
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

/// The description as JSON, made once.
pub(super) fn document() -> &'static serde_json::Value {
    static DOCUMENT: OnceLock<serde_json::Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(Description::openapi()).unwrap_or_default())
}

/// Answers with the description.
pub(super) async fn serve() -> Answer {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string().into());
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(text.clone()))
}
