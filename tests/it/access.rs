//! Who may do what: the permission table of the interface, on every route.

use crate::support::{self, *};

/// A server of `owner`, shared with the others to the full.
struct Cast {
    ostler: Ostler,
    owner: Caller,
    viewer: Caller,
    executor: Caller,
    stranger: Caller,
    server: Server,
}

fn cast() -> Cast {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let admin = ostler.admin();
    let owner = admin.make_user("owner", "developer");
    let (viewer, executor) = (admin.make_user("viewer", "viewer"), admin.make_user("executor", "executor"));
    let stranger = admin.make_user("stranger", "developer");
    let server = owner.running(fake("ok"));
    for friend in [&viewer, &executor] {
        share(&server, friend, &["mcp:read", "mcp:write", "mcp:execute"]);
    }
    Cast { ostler, owner, viewer, executor, stranger, server }
}

fn share(server: &Server, with: &Caller, permissions: &[&str]) {
    let share = json!({"userId": with.id, "permissions": permissions});
    server.caller.post(&server.path("/shares"), share).any_of(&[200, 201]);
}

/// Method, what follows the server's path, and a body.
fn server_routes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("GET", "", Value::Null),
        ("GET", "/tools", Value::Null),
        ("GET", "/logs", Value::Null),
        ("GET", "/output", Value::Null),
        ("GET", "/shares", Value::Null),
        ("POST", "/shares", json!({"userId": "00000000-0000-7000-8000-000000000000", "permissions": ["mcp:read"]})),
        ("DELETE", "/shares/00000000-0000-7000-8000-000000000000", Value::Null),
        ("POST", "/start", Value::Null),
        ("POST", "/stop", Value::Null),
        ("POST", "/restart", Value::Null),
        ("POST", "/package/update", json!({})),
        ("POST", "/package/rollback", Value::Null),
        ("POST", "/execute", json!({"toolName": "echo", "parameters": {"message": "x"}})),
        ("PUT", "", json!({"name": "stolen"})),
        ("DELETE", "", Value::Null),
    ]
}

fn send(caller: &Caller, method: &str, path: &str, body: &Value) -> Answer {
    let ask = caller.ask(method, path);
    if body.is_null() { ask.send() } else { ask.json(body).send() }
}

#[test]
fn somebody_elses_server_is_as_good_as_missing_on_every_route() {
    let cast = cast();
    for (method, rest, body) in server_routes() {
        let answer = send(&cast.stranger, method, &cast.server.path(rest), &body);
        let answer = answer.problem(404, "server_not_found");
        let missing = format!("/api/mcp/{}{rest}", uuid::Uuid::now_v7());
        let other = send(&cast.stranger, method, &missing, &body).problem(404, "server_not_found");
        assert_eq!(answer.at("/detail"), other.at("/detail"), "{method} {rest} tells that it exists");
    }
    cast.server.details().has("/server/name", "subject").has("/runtimeStatus/status", "running");
    assert!(cast.stranger.get("/api/mcp").is(200).list("/items").is_empty());
    assert!(cast.stranger.get("/api/mcp/health/check").is(200).list("/servers").is_empty());
}

#[test]
fn nobody_gets_anywhere_without_credentials() {
    let cast = cast();
    let anonymous = cast.ostler.anonymous();
    let garbage = anonymous.with_token("not-a-token");
    for caller in [&anonymous, &garbage] {
        for (method, rest, body) in server_routes() {
            send(caller, method, &cast.server.path(rest), &body).is(401);
        }
        for path in ["/api/mcp", "/api/mcp/health/check", "/api/mcp/admin/all", "/api/audit"] {
            caller.get(path).is(401);
        }
        for path in ["/api/auth/me", "/api/auth/keys", "/api/auth/users"] {
            caller.get(path).is(401);
        }
        caller.post("/api/mcp", json!({"name": "x", "command": "x"})).is(401);
    }
    anonymous.get(&format!("/api/mcp?token={}", cast.owner.token.unwrap())).is(401);
    for path in ["/livez", "/readyz", "/health", "/openapi.json", "/docs"] {
        anonymous.get(path).is(200);
    }
}

#[test]
fn every_documented_route_but_the_open_ones_wants_credentials() {
    let ostler = Ostler::spawn();
    let document = ostler.anonymous().get("/openapi.json").is(200);
    let open = ["/livez", "/readyz", "/health", "/openapi.json", "/docs", "/api/auth/login"];
    let paths = document.at("/paths").as_object().unwrap();
    assert!(paths.len() >= 25, "only {} paths are documented", paths.len());
    let guarded = paths.iter().filter(|(path, _)| !open.contains(&path.as_str()) && path.starts_with("/api"));
    let methods = |operations: &Value| operations.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let routes: Vec<_> = guarded
        .flat_map(|(path, operations)| methods(operations).into_iter().map(move |method| (method, path)))
        .filter(|(method, _)| method.len() <= 6 && method != "servers")
        .collect();
    // A stranger may be refused so many times a minute.
    for some in routes.chunks(50) {
        let ostler = Ostler::spawn();
        for (method, path) in some {
            let filled = path.replace(['{', '}'], "");
            let answer = ostler.anonymous().ask(&method.to_uppercase(), &filled).json(&json!({})).send();
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn a_viewer_looks_and_does_nothing_else() {
    let cast = cast();
    for (method, rest, body) in server_routes() {
        let answer = send(&cast.viewer, method, &cast.server.path(rest), &body);
        if method == "GET" && rest != "/shares" {
            answer.is(200);
        } else if method != "GET" {
            answer.is(403);
        }
    }
    cast.viewer.try_register(fake("ok")).is(403);
    cast.server.details().has("/server/name", "subject").has("/runtimeStatus/status", "running");
}

#[test]
fn an_executor_calls_and_changes_nothing() {
    let cast = cast();
    let path = |rest| cast.server.path(rest);
    cast.server.seen_by(&cast.executor).call("echo", json!({"message": "x"})).is(200);
    cast.executor.get(&path("")).is(200);
    cast.executor.put(&path(""), json!({"name": "stolen"})).is(403);
    cast.executor.delete(&path("")).is(403);
    cast.executor.post(&path("/shares"), json!({"userId": cast.executor.id, "permissions": ["mcp:read"]})).is(403);
    cast.executor.try_register(fake("ok")).is(403);
}

#[test]
fn a_share_gives_what_it_says_and_no_more() {
    let cast = cast();
    let theirs = cast.server.seen_by(&cast.stranger);
    share(&cast.server, &cast.stranger, &["mcp:read"]);
    theirs.details().is(200);
    theirs.call("echo", json!({})).is(403);
    theirs.change(json!({"name": "stolen"})).is(403);
    assert_eq!(cast.stranger.get("/api/mcp").is(200).list("/items").len(), 1);

    share(&cast.server, &cast.stranger, &["mcp:read", "mcp:execute"]);
    theirs.call("echo", json!({"message": "x"})).is(200);
    theirs.change(json!({"name": "stolen"})).is(403);

    share(&cast.server, &cast.stranger, &["mcp:read", "mcp:write"]);
    theirs.change(json!({"description": "by a friend"})).is(200);
    theirs.call("echo", json!({})).is(403);
    theirs.remove().any_of(&[204, 403]);
}

#[test]
fn a_share_to_write_carries_no_secret_elsewhere() {
    let cast = cast();
    let spec = fake("ok").env("API_TOKEN", "sk-live-0123456789").env("API_URL", "http://api.example");
    let server = cast.owner.running(spec);
    share(&server, &cast.stranger, &["mcp:read", "mcp:write"]);
    let theirs = server.seen_by(&cast.stranger);
    let env = theirs.details().at("/server/env").clone();
    let with = |key: &str, value: &str| {
        let mut env = env.clone();
        env[key] = json!(value);
        json!({"env": env})
    };
    for change in [with("API_URL", "http://elsewhere.example"), with("HTTPS_PROXY", "http://elsewhere.example:8080")] {
        let answer = theirs.change(change).problem(422, "validation_failed");
        answer.has("/errors/0/pointer", "/env/API_TOKEN");
    }
    for moved in [json!({"command": "env", "args": []}), json!({"args": ["ok", "more"]})] {
        theirs.change(moved).problem(422, "validation_failed").has("/errors/0/pointer", "/env");
    }
    theirs.change(json!({"name": "renamed", "env": env})).is(200);
    assert_eq!(processes::environment(server.pid())["API_URL"], "http://api.example");
    // The others of the same minute are counted.
    eventually("the first refusal is on record", || {
        let entries = cast.ostler.admin().get("/api/audit?action=server.update").is(200);
        let denied = entries.list("/items").iter().filter(|entry| entry["outcome"] == "denied").count();
        (denied == 1).then_some(())
    });

    server.change(with("API_URL", "http://other.example")).is(200);
    server.seen_by(&cast.ostler.admin()).change(with("API_URL", "http://third.example")).is(200);
    theirs.change(json!({"args": ["ok", "more"], "env": {"API_TOKEN": "mine", "TEST_TAG": cast.owner.tag}})).is(200);
}

#[test]
fn a_share_to_write_sends_headers_nowhere_else() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let (owner, receiver) = (admin.make_user("owner", "developer"), admin.make_user("receiver", "developer"));
    let far =
        json!({"name": "far", "url": "https://example.com/mcp", "headers": {"X-Key": "secret"}, "enabled": false});
    let id = owner.post("/api/mcp", far).is(201).string("/id");
    let server = owner.server(&id);
    share(&server, &receiver, &["mcp:read", "mcp:write"]);
    let theirs = server.seen_by(&receiver);
    theirs.change(json!({"url": "https://example.com/other"})).is(422).has("/errors/0/pointer", "/headers");
    let more = json!({"headers": {"X-Key": "***", "X-Target": "https://elsewhere.example"}});
    theirs.change(more.clone()).is(422).has("/errors/0/pointer", "/headers/X-Key");
    server.change(more).is(200);
    theirs.change(json!({"url": "https://elsewhere.example/mcp"})).is(200).has("/headers", json!({}));
}

#[test]
fn a_share_that_ended_gives_nothing() {
    let cast = cast();
    let theirs = cast.server.seen_by(&cast.executor);
    theirs.details().is(200);
    let shares = cast.owner.get(&cast.server.path("/shares")).is(200);
    assert!(shares.text().contains(&cast.executor.id), "{shares:?}");
    cast.owner.delete(&cast.server.path(&format!("/shares/{}", cast.executor.id))).is(204);
    theirs.details().problem(404, "server_not_found");
    theirs.call("echo", json!({})).problem(404, "server_not_found");
}

#[test]
fn shares_name_real_people_and_real_permissions() {
    let cast = cast();
    let path = cast.server.path("/shares");
    let nobody = json!({"userId": uuid::Uuid::now_v7().to_string(), "permissions": ["mcp:read"]});
    cast.owner.post(&path, nobody).any_of(&[404, 422]);
    for permission in ["mcp:manage", "users:manage", "everything"] {
        cast.owner.post(&path, json!({"userId": cast.stranger.id, "permissions": [permission]})).is(422);
    }
    cast.server.seen_by(&cast.stranger).details().is(404);
}

#[test]
fn an_admin_may_everything_on_everybodys_servers() {
    let cast = cast();
    let admin = cast.ostler.admin();
    let theirs = cast.server.seen_by(&admin);
    theirs.call("echo", json!({"message": "x"})).is(200);
    theirs.change(json!({"description": "by the admin"})).is(200).is(200);
    theirs.stop().is(200);
    assert_eq!(admin.get("/api/mcp/admin/all").is(200).list("/items").len(), 1);
    theirs.remove().is(204);
}

#[test]
fn routes_for_admins_are_for_admins() {
    let cast = cast();
    let paths = ["/api/mcp/admin/all", "/api/mcp/admin/statistics", "/api/auth/users", "/api/audit"];
    for path in paths {
        for caller in [&cast.owner, &cast.viewer, &cast.executor] {
            caller.get(path).is(403);
        }
        cast.ostler.admin().get(path).is(200);
    }
    let tricks = ["/api/mcp//admin/all", "/api/mcp/%61dmin/all", "/api/mcp/admin/all/", "/api/mcp/x/../admin/all"];
    for path in tricks {
        cast.owner.get(path).any_of(&[400, 401, 403, 404]);
    }
    let account = json!({"email": "x@test.example", "name": "x", "password": "long-enough-password", "role": "admin"});
    cast.owner.post("/api/auth/users", account).is(403);
}

#[test]
fn nobody_assigns_what_is_not_theirs_to_assign() {
    let cast = cast();
    for field in ["userId", "id", "totalCalls", "healthStatus", "deletedAt", "createdAt", "pid", "role"] {
        let answer = cast.server.change(json!({"name": "x", field: "1"})).is(422);
        assert!(answer.text().contains(field), "{answer:?}");
        cast.owner.try_register(fake("ok").set(field, json!("1"))).is(422);
    }
    cast.server.details().has("/server/name", "subject").has("/server/userId", cast.owner.id.as_str());
}

#[test]
fn only_managers_write_command_lines_unless_told_otherwise() {
    let ostler = Ostler::spawn();
    let developer = ostler.user("developer");
    developer.try_register(fake("ok")).problem(403, "command_not_allowed");
    let server = ostler.admin().register(fake("ok"));
    share(&server, &developer, &["mcp:read", "mcp:write"]);
    let theirs = server.seen_by(&developer);
    theirs.change(json!({"command": "/bin/sh", "args": ["-c", "true"]})).problem(403, "command_not_allowed");
    theirs.change(json!({"description": "harmless"})).is(200);
}

#[test]
fn command_patterns_allow_what_they_say() {
    let program = support::server::hostile_server();
    let patterns = format!("npx -y @scope/name*,{} ok*,python3", program.display());
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", &patterns)]);
    let developer = ostler.user("developer");
    let attempt = |command: &str, args: &[&str]| developer.try_register(Spec::new(command, json!(args)));
    developer.try_register(fake("ok")).is(201);
    attempt("npx", &["-y", "@scope/name-of-server@1.0.0"]).is(201);
    attempt("python3", &[]).is(201);
    for (command, args) in [
        ("npx", vec!["-y", "@other/name"]),
        ("npx", vec!["-c", "touch pwned"]),
        ("python3", vec!["-c", "print(1)"]),
        ("sh", vec!["-c", "true"]),
        ("env", vec!["-S", "sh"]),
    ] {
        attempt(command, &args).problem(403, "command_not_allowed");
    }
}

#[test]
fn a_pattern_that_names_variables_allows_callers_to_set_these_alone() {
    let program = support::server::hostile_server();
    let patterns = format!("TEST_TAG= LOG_*= {} *", program.display());
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", &patterns)]);
    let developer = ostler.user("developer");
    let server = developer.register(fake("ok").env("LOG_LEVEL", "debug"));
    let refused = developer.try_register(fake("ok").env("CONFIG", "/srv/x")).problem(403, "command_not_allowed");
    assert!(refused.string("/detail").contains("add `CONFIG=` to the pattern"), "{refused:?}");
    let env = |pairs: Value| json!({ "env": pairs });
    server.change(env(json!({"CONFIG": "/srv/x"}))).problem(403, "command_not_allowed");
    server.change(env(json!({"LOG_LEVEL": "info", "LOG_FORMAT": "json"}))).is(200);

    // What a manager has set stands, with this command line, and may be taken away.
    let theirs = server.seen_by(&ostler.admin());
    theirs.change(env(json!({"LOG_LEVEL": "info", "CONFIG": "/srv/x"}))).is(200);
    server.change(env(json!({"LOG_LEVEL": "warn", "CONFIG": "***"}))).is(200);
    server.change(env(json!({"LOG_LEVEL": "warn", "CONFIG": "/srv/y"}))).problem(403, "command_not_allowed");
    server.change(json!({"args": ["ok", "other"]})).problem(403, "command_not_allowed");
    server.change(env(json!({"LOG_LEVEL": "warn"}))).is(200);
    server.change(json!({"args": ["ok", "other"]})).is(200);
}

#[test]
fn a_key_narrowed_to_managing_is_refused_nowhere_among_the_servers() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let key = ostler.admin().make_key(&["mcp:manage"]);
    let server = ostler.user("developer").running(fake("ok"));
    let paths = contract::DESCRIPTION["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, item) in paths.iter().filter(|(path, _)| !path.contains("/output")) {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "delete") {
            let wanted = operation["security"][0]["bearer"][0].as_str().unwrap_or_default();
            if !wanted.starts_with("mcp:") || (method == "get" && path.starts_with("/mcp")) {
                continue;
            }
            let body = operation["requestBody"]["content"]["application/json"]["example"].clone();
            let ask = key.ask(&method.to_uppercase(), &path.replace("{id}", &server.id));
            let answer = if body.is_null() { ask.send() } else { ask.json(&body).send() };
            assert!(![401, 403].contains(&answer.status), "{answer:?}");
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} routes");
    key.delete(&server.path("")).is(204);
}
