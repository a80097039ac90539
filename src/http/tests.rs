//! Rules for every route: documentation, authentication, shape of failures, headers.

use std::collections::BTreeSet;

use actix_web::{
    App,
    dev::ServiceResponse,
    http::Method,
    test::{TestRequest, call_service, init_service, read_body_json},
};
use serde_json::Value;

use super::*;

/// Sends `request` to all routes, mounted without a runtime: nothing unauthenticated gets as far as to miss it.
async fn send(request: TestRequest) -> ServiceResponse {
    let app = init_service(App::new().configure(|config| mount(config, Serve::All, None))).await;
    call_service(&app, request.to_request()).await.map_into_boxed_body()
}

fn header<'a>(response: &'a ServiceResponse, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// Pages for people do not describe themselves to programs.
const PAGES: [&str; 5] = ["/", "/dashboard/{file}", "/docs", "/docs.css", "/openapi.json"];

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let routes: BTreeSet<(String, String)> = ALL
        .iter()
        .filter(|(path, _)| !PAGES.contains(path))
        .map(|(path, method)| ((*path).to_owned(), (*method).to_owned()))
        .collect();
    let paths = openapi::document()["paths"].as_object().unwrap();
    let documented: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect();
    assert_eq!(routes, documented);
}

#[test]
fn every_documented_call_says_who_may_and_how_it_fails() {
    let metadata = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];
    let consent = ["/oauth/consent", "/oauth/callback", "/oauth/client.json"];
    let open = [&["/livez", "/readyz", "/health", "/api/auth/login"], &metadata[..], &consent].concat();
    for (path, item) in openapi::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let named = format!("{method} {path}");
            let security = operation["security"].as_array().unwrap_or_else(|| panic!("{named} has no security"));
            assert_eq!(
                security.iter().any(|one| one.get("bearer").is_some()),
                !open.contains(&path.as_str()),
                "{named}"
            );
            assert_eq!(
                security.iter().any(|one| one.get("session").is_some()),
                !open.contains(&path.as_str()) && path != "/metrics",
                "{named}"
            );
            assert!(operation["responses"]["default"]["content"]["application/problem+json"].is_object(), "{named}");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{named}");
        }
    }
}

#[test]
fn every_call_has_a_name_of_its_own_for_programs() {
    let items = openapi::document()["paths"].as_object().unwrap().values();
    let names: Vec<_> =
        items.flat_map(|item| item.as_object().unwrap().values()).map(|one| &one["operationId"]).collect();
    let different: BTreeSet<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
}

#[test]
fn failures_are_documented_where_they_happen() {
    let text = |path: &str, method: &str, status: &str| {
        let pointer = format!("/paths/{}/{method}/responses/{status}", path.replace('/', "~1"));
        let answer = openapi::document().pointer(&pointer).unwrap_or_else(|| panic!("no {status} at {method} {path}"));
        assert!(answer["content"]["application/problem+json"].is_object(), "{pointer}");
        answer["description"].as_str().unwrap().to_owned()
    };
    assert!(text("/api/auth/login", "post", "401").contains("the password is wrong"));
    assert!(!text("/api/auth/login", "post", "401").contains("token"));
    assert!(text("/api/auth/login", "post", "503").contains("busy"));
    assert!(text("/api/auth/login", "post", "429").contains("rate_limited"));
    assert!(text("/api/mcp/{id}/tools", "get", "504").contains("call_timeout"));
    for (path, method) in [("tools", "get"), ("start", "post"), ("restart", "post"), ("execute", "post")] {
        assert!(text(&format!("/api/mcp/{{id}}/{path}"), method, "503").contains("server_unavailable"), "{path}");
    }
}

#[test]
fn what_is_sent_as_null_is_never_said_to_be_left_out() {
    let schemas = &openapi::document()["components"]["schemas"];
    let required = |name: &str, field: &str| {
        let schema = &schemas[name];
        let parts = schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect());
        let mut lists = parts.iter().filter_map(|part| part["required"].as_array());
        lists.any(|list| list.iter().any(|one| one == field))
    };
    for (name, field) in [
        ("RuntimeStatus", "lastExit"),
        ("RuntimeStatus", "nextAttemptAt"),
        ("Server", "description"),
        ("ApiKey", "expiresAt"),
        ("AuditEntry", "actorId"),
        ("ToolCall", "response"),
        ("List_ServerItem", "nextCursor"),
    ] {
        assert!(required(name, field), "{name}.{field}");
    }
    for (name, field) in [
        ("Problem", "errors"),
        ("State", "checks"),
        ("ServerChangeBody", "description"),
        ("NewHealthCheckBody", "path"),
    ] {
        assert!(!required(name, field), "{name}.{field}");
    }
    assert_eq!(schemas["List_ApiKey"]["properties"]["items"]["items"]["$ref"], "#/components/schemas/ApiKey");
}

/// The dashboard's types are generated from this file, so that its build needs no running Ostler.
#[test]
fn the_dashboard_has_the_description_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard/openapi.json");
    let served = serde_json::to_string_pretty(openapi::description()).unwrap() + "\n";
    if std::env::var_os("OSTLER_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == served,
        "dashboard/openapi.json is out of date: run `OSTLER_WRITE_OPENAPI=1 cargo test --lib \
         the_dashboard_has_the_description`, then `npm run types` in dashboard"
    );
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

#[test]
fn no_service_can_take_a_route_of_ours() {
    for (path, _) in ALL {
        let path = path.replace(['{', '}'], "");
        assert!(crate::policy::service::taken(&path, Serve::All).is_some(), "{path}");
    }
}

#[test]
fn the_bounds_in_the_documentation_are_those_that_are_kept() {
    use crate::policy::{account, name, server, service};
    let schemas = &openapi::document()["components"]["schemas"];
    let bound = |at: &str, word: &str| {
        let (schema, field) = at.split_once('.').unwrap();
        schemas[schema]["properties"][field][word].as_u64().unwrap_or_else(|| panic!("{at} has no {word}"))
    };
    for body in ["NewServerBody", "ServerChangeBody", "NewUserBody", "UserChangeBody", "NewKeyBody"] {
        assert_eq!(bound(&format!("{body}.name"), "maxLength"), number(name::NAME_CHARS_MAX), "{body}");
    }
    for body in ["NewServerBody", "ServerChangeBody"] {
        let of = |field: &str, word| bound(&format!("{body}.{field}"), word);
        assert_eq!(of("description", "maxLength"), number(server::DESCRIPTION_CHARS_MAX));
        assert_eq!(of("command", "maxLength"), number(server::COMMAND_BYTES_MAX));
        assert_eq!(of("args", "maxItems"), number(server::ARGS_MAX));
    }
    for body in ["NewUserBody", "UserChangeBody"] {
        assert_eq!(bound(&format!("{body}.email"), "maxLength"), number(account::EMAIL_BYTES_MAX));
    }
    for at in ["NewUserBody.password", "UserChangeBody.password", "PasswordBody.newPassword"] {
        let bounds = (bound(at, "minLength"), bound(at, "maxLength"));
        assert_eq!(bounds, (number(account::PASSWORD_BYTES_MIN), number(account::PASSWORD_BYTES_MAX)), "{at}");
    }
    let day = u64::try_from(service::DAY.as_millis()).unwrap();
    for (at, most) in [
        ("NewServiceBody.timeout", day),
        ("NewServiceBody.retries", service::RETRIES_MAX.into()),
        ("NewInstanceBody.weight", service::WEIGHT_MAX.into()),
        ("NewServiceLimitBody.windowMs", day),
        ("NewServiceLimitBody.max", service::RATE_LIMIT_MAX.into()),
        ("NewHealthCheckBody.interval", day),
        ("NewHealthCheckBody.healthyAfter", service::CHECKS_IN_A_ROW_MAX.into()),
    ] {
        assert_eq!(bound(at, "maximum"), most, "{at}");
    }
    assert_eq!(bound("NewServiceBody.name", "maxLength"), number(service::LABEL_BYTES_MAX));
    assert_eq!(bound("NewServiceBody.basePath", "maxLength"), number(service::PATH_BYTES_MAX));
    assert_eq!(bound("NewServiceBody.instances", "maxItems"), number(service::INSTANCES_MAX));
    assert_eq!(bound("NewInstanceBody.host", "maxLength"), number(service::HOST_BYTES_MAX));
    let longest = crate::policy::call::TIMEOUT_MAX.as_millis();
    assert_eq!(u128::from(bound("ExecuteBody.timeoutMs", "maximum")), longest);
}

#[test]
fn every_reference_in_the_documentation_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                }
                map.values().for_each(|value| walk(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    walk(openapi::document(), openapi::document());
}

#[actix_web::test]
async fn nobody_unknown_gets_past_a_private_route() {
    let open = ["/livez", "/readyz", "/health", "/api/auth/login"];
    let below = |path: &str| ["/.well-known/", "/oauth/"].iter().any(|start| path.starts_with(start));
    let is_open = |path: &str| open.contains(&path) || PAGES.contains(&path) || below(path);
    for (path, method) in ALL.iter().filter(|(path, _)| !is_open(path)) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let response = send(TestRequest::default().method(method).uri(&path.replace(['{', '}'], ""))).await;
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(header(&response, "www-authenticate"), "Bearer", "{path}");
        assert_eq!(header(&response, "cache-control"), if path.starts_with("/api") { "no-store" } else { "" });
        let body: Value = read_body_json(response).await;
        assert_eq!(body["code"], "unauthenticated", "{path}");
    }
}

#[actix_web::test]
async fn an_unknown_path_under_a_private_one_tells_strangers_nothing() {
    for path in ["/api/mcp/x/y/z", "/api/mcp/", "/api/auth/nothing", "/api/audit/1", "/metrics/x"] {
        assert_eq!(send(TestRequest::with_uri(path)).await.status(), 401, "{path}");
    }
}

#[actix_web::test]
async fn every_answer_carries_its_request_id_and_the_security_headers() {
    for uri in ["/", "/dashboard/app.js", "/livez", "/docs", "/docs.css", "/openapi.json", "/api/mcp"] {
        let response = send(TestRequest::with_uri(uri).insert_header(("x-request-id", "r-1"))).await;
        assert_eq!(header(&response, "x-request-id"), "r-1", "{uri}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{uri}");
        assert!(header(&response, "content-security-policy").contains("frame-ancestors 'none'"), "{uri}");
        assert_eq!(header(&response, "server"), "", "{uri}");
    }
}

#[actix_web::test]
async fn a_method_that_a_path_does_not_take_is_refused_by_name() {
    let response = send(TestRequest::delete().uri("/livez")).await;
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, HEAD"));
    let body: Value = read_body_json(response).await;
    assert_eq!((&body["code"], &body["instance"]), (&Value::from("method_not_allowed"), &Value::from("/livez")));
    assert!(!body["requestId"].as_str().unwrap().is_empty());
}

#[actix_web::test]
async fn head_is_answered_like_get() {
    let response = send(TestRequest::default().method(Method::HEAD).uri("/livez")).await;
    assert_eq!(response.status(), 200);
}

#[actix_web::test]
async fn the_routes_work_inside_a_scope_and_leave_other_paths_alone() {
    let app = App::new()
        .service(web::scope("/stable").configure(|config| mount(config, Serve::All, None)))
        .configure(|config| mount(config, Serve::All, None))
        .route("/api/other", web::get().to(|| async { "theirs" }));
    let app = init_service(app).await;
    let status = async |uri| call_service(&app, TestRequest::with_uri(uri).to_request()).await.status().as_u16();
    assert_eq!(status("/stable/livez").await, 200);
    assert_eq!(status("/stable/api/mcp").await, 401);
    assert_eq!(status("/api/other").await, 200);
}

#[actix_web::test]
async fn routes_in_a_scope_name_its_paths() {
    let tools = web::scope("/{team}/tools").configure(|config| mount(config, Serve::All, None));
    let app = init_service(App::new().service(tools).configure(|config| mount(config, Serve::All, None))).await;
    let send = async |request: TestRequest| call_service(&app, request.to_request()).await.map_into_boxed_body();
    let response = send(TestRequest::with_uri("/a%20b/tools")).await;
    assert_eq!((response.status().as_u16(), header(&response, "location")), (307, "/a%20b/tools/"));
    assert_eq!(send(TestRequest::with_uri("/a%20b/tools/")).await.status(), 200);
    assert_eq!(send(TestRequest::with_uri("/")).await.status(), 200);

    for (path, mount_path) in [("/a%20b/tools/api/mcp/x/execute", "/a%20b/tools"), ("/api/mcp/x/execute", "")] {
        let problem: Value = read_body_json(send(TestRequest::post().uri(path)).await).await;
        assert_eq!((&problem["type"], &problem["instance"]), (&unauthenticated(mount_path), &Value::from(path)));
        let files: Value =
            read_body_json(send(TestRequest::with_uri(&format!("{mount_path}/dashboard/x"))).await).await;
        assert_eq!(files["type"], format!("{mount_path}/docs#problem-not_found"), "{files}");
        let request = TestRequest::post()
            .uri(&format!("{mount_path}/mcp/x"))
            .set_payload(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        let refusal: Value = read_body_json(send(request).await).await;
        assert_eq!(refusal["id"], 7, "a client of MCP gets its own form: {refusal}");
        assert_eq!(refusal["error"]["data"]["type"], unauthenticated(mount_path), "{refusal}");
        let openapi: Value =
            read_body_json(send(TestRequest::with_uri(&format!("{mount_path}/openapi.json"))).await).await;
        let server = openapi.pointer("/servers/0/url").and_then(Value::as_str);
        assert_eq!(server, Some(mount_path).filter(|path| !path.is_empty()));
    }
}

fn unauthenticated(mount_path: &str) -> Value {
    format!("{mount_path}/docs#problem-unauthenticated").into()
}

#[actix_web::test]
async fn a_host_check_around_a_scope_guards_all_that_is_in_it() {
    let settings = HttpSettings {
        allowed_hosts: vec!["team.example".into()],
        allowed_origins: vec!["https://wiki.example".into()],
        ..HttpSettings::default()
    };
    let tools = web::scope("/tools")
        .route("/own", web::get().to(|| async { "theirs" }))
        .configure(|config| mount(config, Serve::All, None))
        .wrap(HostCheck::new(&settings));
    let app = init_service(App::new().service(tools).route("/other", web::get().to(|| async { "theirs" }))).await;
    let send = async |path: &str, host: &'static str, origin: &'static str| {
        let request = TestRequest::with_uri(path).insert_header(("host", host));
        let request = if origin.is_empty() { request } else { request.insert_header(("origin", origin)) };
        call_service(&app, request.to_request()).await.map_into_boxed_body()
    };
    for path in ["/tools/own", "/tools/docs"] {
        assert_eq!(send(path, "team.example", "").await.status(), 200, "{path}");
        assert_eq!(send(path, "team.example", "http://team.example").await.status(), 200, "{path}");
        let foreign = send(path, "evil.test", "").await;
        assert_eq!((foreign.status().as_u16(), header(&foreign, "content-type")), (421, "application/problem+json"));
        assert_eq!(header(&foreign, "x-request-id").len(), 36);
        let problem: Value = read_body_json(foreign).await;
        assert_eq!((&problem["code"], &problem["instance"]), (&Value::from("misdirected_request"), &Value::from(path)));
        assert_eq!((&problem["type"], &problem["title"]), (&"about:blank".into(), &"Misdirected Request".into()));
        assert!(problem["detail"].as_str().unwrap().contains("HttpSettings::allowed_hosts"), "{problem}");
        assert_eq!(send(path, "team.example", "http://evil.test").await.status(), 403, "{path}");
        let allowed = send(path, "team.example", "https://wiki.example").await;
        assert_eq!(header(&allowed, "access-control-allow-origin"), "https://wiki.example", "{path}");
    }
    assert_eq!(send("/tools/livez", "10.1.2.3:80", "").await.status(), 200, "probes ask by any address");
    assert_eq!(send("/other", "evil.test", "").await.status(), 200, "it is not in the scope");

    let preflight = TestRequest::default()
        .method(Method::OPTIONS)
        .uri("/tools/api/mcp")
        .insert_header(("host", "team.example"))
        .insert_header(("origin", "https://wiki.example"))
        .insert_header(("access-control-request-method", "POST"));
    assert_eq!(call_service(&app, preflight.to_request()).await.status(), 204);
    let rebound = TestRequest::post().uri("/tools/mcp").insert_header(("host", "evil.test"));
    let rebound = rebound.set_payload(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    let refusal: Value = read_body_json(call_service(&app, rebound.to_request()).await).await;
    assert_eq!((refusal["id"].as_u64(), refusal["error"]["code"].as_u64()), (Some(7), Some(421)), "{refusal}");
}

#[actix_web::test]
async fn clients_of_mcp_are_told_of_the_start_in_their_own_form() {
    let starting = || web::to(probes::starting).wrap(from_fn(trace::layer));
    let app = init_service(App::new().default_service(starting())).await;
    let request = TestRequest::post().uri("/mcp").set_payload(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), 503);
    let body: Value = read_body_json(response).await;
    assert_eq!((body["id"].as_u64(), body["error"]["code"].as_u64()), (Some(7), Some(503)), "{body}");
    let response = call_service(&app, TestRequest::get().uri("/api/mcp").to_request()).await.map_into_boxed_body();
    assert_eq!(header(&response, "content-type"), "application/problem+json");
}
