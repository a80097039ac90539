//! Limits: exact, per person, told in the headers.

use crate::support::*;

#[test]
fn of_a_hundred_calls_at_once_exactly_as_many_pass_as_allowed() {
    let ostler = Ostler::with(&[("RATE_LIMIT_TOOL_EXECUTE", "20/60s")]);
    let server = ostler.admin().running(fake("ok"));
    let answers = together(100, |_| server.call("echo", json!({"message": "x"})));
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((passed, refused), (20, 80));
    assert_eq!(server.logs().list("/items").len(), 20, "a refused call never reaches the tool");
}

#[test]
fn of_a_hundred_requests_at_once_exactly_as_many_pass_as_allowed() {
    let ostler = Ostler::with(&[("RATE_LIMIT_API", "40/60s")]);
    let (dana, other) = (ostler.admin().make_user("dana", "viewer"), ostler.admin().make_user("other", "viewer"));
    let answers = together(100, |_| dana.get("/api/mcp"));
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 40);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 60);

    let refused = dana.get("/api/mcp").problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").expect("a Retry-After").parse().unwrap();
    assert!((1..=60).contains(&wait), "{refused:?}");
    assert!(refused.header("ratelimit").is_some() && refused.header("ratelimit-policy").is_some(), "{refused:?}");

    dana.ask("GET", "/api/mcp").header("X-Forwarded-For", "203.0.113.7").send().is(429);
    dana.log_in(&dana.email, &dana.password).get("/api/mcp").is(429);
    other.get("/api/mcp").is(200);
    ostler.anonymous().get("/livez").is(200);
}

#[test]
fn a_scraper_shares_no_limit_with_its_owner() {
    let ostler = Ostler::with(&[("RATE_LIMIT_API", "10/60s")]);
    let scraper = ostler.admin().make_key(&["mcp:manage"]);
    for _ in 0..30 {
        scraper.get("/metrics").is(200);
    }
    ostler.admin().get("/api/mcp").is(200);
    let viewer = ostler.admin().make_user("viewer", "viewer");
    let refused: Vec<_> = (0..12).map(|_| viewer.get("/metrics").status).collect();
    assert_eq!((&refused[..10], &refused[10..]), (&[403; 10][..], &[429; 2][..]), "{refused:?}");
}

#[test]
fn the_sixth_server_in_five_minutes_has_to_wait() {
    let ostler = Setup::new().without("RATE_LIMIT_SERVER_CREATE").spawn();
    for _ in 0..5 {
        ostler.admin().try_register(fake("ok")).is(201);
    }
    ostler.admin().try_register(fake("ok")).problem(429, "rate_limited");
    assert_eq!(ostler.admin().get("/api/mcp").is(200).list("/items").len(), 5);
}

#[test]
fn an_import_counts_as_one_registration_and_its_dry_run_foresees_the_limit() {
    let ostler = Ostler::with(&[("RATE_LIMIT_SERVER_CREATE", "2/300s")]);
    let admin = ostler.admin();
    let import = |names: [&str; 4], dry: bool| {
        let entry = |name: &str| (name.to_owned(), json!({"url": "https://a.example/mcp", "disabled": true}));
        let servers: serde_json::Map<_, _> = names.map(entry).into_iter().collect();
        admin.post("/api/mcp/import", json!({"config": {"mcpServers": servers}, "dryRun": dry})).is(200)
    };
    let actions = |answer: &Answer| {
        answer.list("/servers").iter().map(|one| one["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for names in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
        assert_eq!(actions(&import(names, true)), ["create"; 4]);
        assert_eq!(actions(&import(names, false)), ["create"; 4]);
        assert_eq!(actions(&import(names, false)), ["skip"; 4], "what is there already counts nothing");
    }
    for dry in [true, false] {
        let refused = import(["i", "j", "k", "a"], dry);
        assert_eq!(actions(&refused), ["skip", "refuse", "refuse", "refuse"]);
        assert!(refused.string("/servers/1/problem").contains("RATE_LIMIT_SERVER_CREATE"), "{refused:?}");
    }
    admin.try_register(fake("ok")).problem(429, "rate_limited");
}

#[test]
fn what_was_used_up_comes_back_with_time() {
    let ostler = Ostler::with(&[("RATE_LIMIT_TOOL_EXECUTE", "2/1s")]);
    let server = ostler.admin().running(fake("ok"));
    let answers = together(6, |_| server.call("echo", json!({"message": "x"})).status);
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 2);
    within(seconds(3), "the window has moved on", || {
        (server.call("echo", json!({"message": "x"})).status == 200).then_some(())
    });
}

#[test]
fn who_changed_too_much_waits_before_anything_more_is_changed_and_may_still_end_a_key() {
    let ostler = Ostler::with(&[("RATE_LIMIT_CHANGE", "6/24h")]);
    let (admin, other) = (ostler.admin(), ostler.admin().make_user("other", "admin"));
    let server = admin.register(fake("ok"));
    let key = admin.post("/api/auth/keys", json!({"name": "stolen"})).is(201).string("/id");
    let service = json!({"name": "hay", "instances": [{"host": "127.0.0.1", "port": 9}], "basePath": "/hay"});
    admin.post("/api/gateway/services", service.clone()).is(201);
    admin.post(&server.path("/shares"), json!({"userId": other.id, "permissions": ["mcp:read"]})).any_of(&[200, 201]);
    server.start().is(200);

    for (method, path, body) in changes(&server, &other, &key, service) {
        let refused = admin.ask(method, &path).json(&body).send().problem(429, "rate_limited");
        assert!(refused.string("/detail").contains("more than 6 requests in 86400 s (limit change)"), "{refused:?}");
        let wait: u64 = refused.header("retry-after").expect("a Retry-After").parse().unwrap();
        assert!((86_000..=86_400).contains(&wait), "{refused:?}");
    }
    server.details().is(200).has("/server/name", "subject").has("/runtimeStatus/status", "running");
    admin.get("/api/gateway/services/hay").is(200);
    other.get("/api/auth/me").is(200).has("/name", "other");
    admin.delete(&format!("/api/auth/keys/{key}")).is(204);
    admin.log_in(&admin.email, &admin.password).press("/api/auth/logout").is(204);
    other.register(fake("ok"));
}

/// One change of each kind: method, path and body.
fn changes(server: &Server, other: &Caller, key: &str, service: Value) -> Vec<(&'static str, String, Value)> {
    let account =
        json!({"email": "new@test.example", "name": "New", "password": "a long enough password", "role": "viewer"});
    let (of_server, of_key) = (|rest: &str| server.path(rest), |rest: &str| format!("/api/auth/keys/{key}{rest}"));
    let of_other = format!("/api/auth/users/{}", other.id);
    let nothing = || json!({});
    vec![
        ("POST", "/api/mcp".into(), fake("ok").body),
        ("PUT", of_server(""), json!({"name": "renamed"})),
        ("DELETE", of_server(""), nothing()),
        ("POST", of_server("/start"), nothing()),
        ("POST", of_server("/stop"), nothing()),
        ("POST", of_server("/restart"), nothing()),
        ("DELETE", of_server("/authorize"), nothing()),
        ("POST", of_server("/shares"), json!({"userId": other.id, "permissions": ["mcp:read"]})),
        ("DELETE", of_server(&format!("/shares/{}", other.id)), nothing()),
        ("POST", "/api/auth/users".into(), account),
        ("PUT", of_other.clone(), json!({"name": "renamed"})),
        ("DELETE", of_other, nothing()),
        ("POST", "/api/auth/keys".into(), json!({"name": "another"})),
        ("PUT", of_key(""), json!({"name": "renamed"})),
        ("POST", of_key("/rotate"), nothing()),
        ("POST", "/api/gateway/services".into(), service),
        (
            "PUT",
            "/api/gateway/services/hay/instances".into(),
            json!({"host": "127.0.0.1", "port": 9, "draining": true}),
        ),
        ("DELETE", "/api/gateway/services/hay".into(), nothing()),
    ]
}
