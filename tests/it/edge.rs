//! The HTTP edge: errors of one shape, nothing believed that a stranger may have written.

use crate::support::{backends::on_both_databases, *};

#[test]
fn every_error_is_a_problem_of_the_same_shape() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.get("/api/no/such/place").problem(404, "not_found");
    admin.get(&format!("/api/mcp/{}", uuid::Uuid::now_v7())).problem(404, "server_not_found");
    let of = |answer: Answer, status| {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        answer.is(status).has("/status", status)
    };
    of(ostler.anonymous().get("/api/mcp"), 401);
    of(admin.ask("POST", "/api/mcp").body("application/json", "{\"name\":").send(), 400);
    of(admin.ask("POST", "/api/mcp").body("text/plain", "{}").send(), 415);
    of(admin.ask("POST", "/api/mcp").body("application/json", vec![b' '; 5 << 20]).send(), 413);
    of(admin.ask("PATCH", "/api/mcp").json(&json!({})).send(), 405);
}

#[test]
fn every_faulty_field_is_named() {
    let ostler = Ostler::spawn();
    let body = json!({"name": "", "command": "", "args": [1], "colour": "blue"});
    let answer = ostler.admin().post("/api/mcp", body).is(422);
    assert!(!answer.list("/errors").is_empty(), "{answer:?}");
    let empty = ostler.admin().post("/api/mcp", json!({"name": "", "command": ""})).is(422);
    let pointers: Vec<_> = empty.list("/errors").iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/name", "/command"]);
    let missing = ostler.admin().post("/api/mcp", json!({"name": "x"})).is(422);
    assert!(missing.text().contains("command"), "{missing:?}");
    ostler.admin().try_register(fake("ok").env("BAD\u{0}KEY", "x")).is(422);
    ostler.admin().try_register(fake("ok").env("KEY", "nul\u{0}")).is(422);
}

#[test]
fn pages_from_elsewhere_get_nothing() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let ask = |method: &str, path: &str| admin.ask(method, path);
    for path in ["/api/mcp", "/", "/openapi.json", "/docs"] {
        ask("GET", path).header("Host", "evil.test").send().any_of(&[403, 421]);
        ask("GET", path).header("Host", "localhost.evil.test:3010").send().any_of(&[403, 421]);
    }
    for origin in ["http://evil.test", "null", "http://127.0.0.1.evil.test", "https://localhost.evil.test"] {
        let answer = ask("POST", "/api/mcp").header("Origin", origin).json(&fake("ok").body).send().is(403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let own = format!("http://{}", ostler.address);
    ask("GET", "/api/mcp").header("Origin", &own).send().is(200);
    ask("GET", "/api/mcp").header("Host", &format!("localhost:{}", ostler.address.port())).send().is(200);
    assert!(admin.get("/api/mcp").is(200).list("/items").is_empty());
}

#[test]
fn names_that_were_allowed_are_answered() {
    let ostler = Ostler::with(&[("OSTLER_ALLOWED_HOSTS", "ostler.team.example")]);
    ostler.admin().ask("GET", "/api/mcp").header("Host", "ostler.team.example").send().is(200);
    ostler.admin().ask("GET", "/api/mcp").header("Host", "other.team.example").send().any_of(&[403, 421]);
}

#[test]
fn probes_and_scrapers_ask_by_an_address_that_no_setting_names() {
    let ostler = Ostler::spawn();
    let key = ostler.admin().make_key(&["mcp:manage"]);
    let by_address = |caller: &Caller, path: &str| caller.ask("GET", path).header("Host", "10.1.2.3:3871");
    for path in ["/livez", "/readyz", "/health"] {
        by_address(&ostler.anonymous(), path).send().is(200);
    }
    by_address(&key, "/metrics").send().is(200);
    by_address(&ostler.anonymous(), "/metrics").send().problem(401, "unauthenticated");
    by_address(&key, "/api/mcp").send().problem(421, "misdirected_request");
    // Where any name leads, a browser's cookie counts for nothing.
    let cookie = format!("ostler_session={}", ostler.admin().token.unwrap());
    ostler.anonymous().ask("GET", "/metrics").header("Cookie", &cookie).send().problem(401, "unauthenticated");
    ostler.anonymous().ask("GET", "/api/mcp").header("Cookie", &cookie).send().is(200);
}

#[test]
fn a_request_has_an_id_given_or_made() {
    let ostler = Ostler::spawn();
    let made = ostler.anonymous().get("/api/mcp").is(401);
    assert_eq!(made.header("x-request-id").unwrap(), made.string("/requestId"));
    let given = ostler.anonymous().ask("GET", "/api/mcp").header("X-Request-Id", "mine-42").send();
    assert_eq!(given.header("x-request-id"), Some("mine-42"));
    given.has("/requestId", "mine-42");
}

#[test]
fn answers_carry_what_keeps_browsers_safe() {
    let ostler = Ostler::spawn();
    for path in ["/api/mcp", "/docs", "/api/no/such/place"] {
        let answer = ostler.admin().get(path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("server"), None);
    }
    let list = ostler.admin().get("/api/mcp");
    assert!(list.header("cache-control").is_some_and(|value| value.contains("no-store")), "{list:?}");
}

on_both_databases! {
    fn lists_come_in_pages_that_fit_together(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let mut made: Vec<_> = (0..5).map(|_| admin.register(fake("ok")).id).collect();
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin.get(&format!("/api/mcp?limit=2{cursor}")).is(200);
            assert!(page.list("/items").len() <= 2);
            let id = |item: &Value| item.pointer("/id").or_else(|| item.pointer("/server/id")).unwrap().clone();
            seen.extend(page.list("/items").iter().map(|item| id(item).as_str().unwrap().to_owned()));
            let Some(next) = page.at("/nextCursor").as_str() else { break };
            cursor = format!("&cursor={next}");
            assert!(seen.len() < 10, "the pages never end");
        }
        made.sort();
        seen.sort();
        assert_eq!(seen, made);
        for query in ["limit=0", "limit=-1", "limit=many", "cursor=%00nonsense"] {
            admin.get(&format!("/api/mcp?{query}")).any_of(&[400, 422]);
        }
    }
}

#[test]
fn documents_lists_and_figures_are_compressed_for_those_who_take_it() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    (0..10).for_each(|_| drop(admin.register(fake("ok"))));
    for path in ["/docs", "/docs.css", "/openapi.json", "/metrics", "/api/mcp"] {
        let plain = admin.get(path).is(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        let zipped = admin.ask("GET", path).header("Accept-Encoding", "gzip").send().is(200);
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{path}");
        assert!(zipped.header("vary").is_some_and(|vary| vary.contains("Accept-Encoding")), "{path}");
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(&zipped.body[..])).unwrap();
        assert!(zipped.body.len() * 2 < text.len(), "{path}: {} of {}", zipped.body.len(), text.len());
    }
    // A browser sends its cookie with whatever a page makes it ask for.
    let cookie = format!("ostler_session={}", admin.token.unwrap());
    let ask = ostler.anonymous().ask("GET", "/api/mcp").header("Cookie", &cookie).header("Accept-Encoding", "gzip");
    assert_eq!(ask.send().is(200).header("content-encoding"), None);
}

#[test]
fn ids_of_any_shape_are_answered_calmly() {
    let ostler = Ostler::spawn();
    for id in ["null", "1", "%27%20OR%201=1", "..%2f..", "%20", "0x", &"a".repeat(5_000)] {
        ostler.admin().get(&format!("/api/mcp/{id}")).any_of(&[400, 404, 414]);
    }
}

#[test]
fn deep_and_strange_arguments_never_reach_a_tool_broken() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let execute = |body: String| server.caller.ask("POST", &server.path("/execute")).body("application/json", body);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    execute(format!(r#"{{"toolName":"echo","parameters":{{"x":{deep}}}}}"#)).send().any_of(&[200, 400, 413, 422]);
    server.logs();
    for parameters in ["[1]", "\"text\"", "1", "{\"a\":NaN}", "{\"a\":1", "{'a':1}"] {
        execute(format!(r#"{{"toolName":"echo","parameters":{parameters}}}"#)).send().any_of(&[400, 422]);
    }
    execute(r#"{"toolName":""}"#.into()).send().is(422);
    execute(r#"{"toolName":"echo","timeoutMs":0}"#.into()).send().is(422);
    execute(r#"{"toolName":"echo","timeoutMs":99999999999}"#.into()).send().is(422);
    execute(r#"{"toolName":"echo","toolName":"fail"}"#.into()).send().any_of(&[400, 422]);
    assert_eq!(server.call("echo", json!({"__proto__": {}, "message": "fine"})).is(200).said(), "fine");
}

#[test]
fn the_documentation_is_complete_and_needs_no_network() {
    let ostler = Ostler::spawn();
    let document = ostler.anonymous().get("/openapi.json").is(200);
    assert!(document.string("/openapi").starts_with("3."));
    let paths = document.at("/paths").as_object().unwrap();
    for path in ["/api/auth/login", "/api/mcp", "/api/mcp/{id}", "/api/mcp/{id}/execute", "/api/audit", "/livez"] {
        assert!(paths.contains_key(path), "{path} is not documented");
    }
    let page = ostler.anonymous().get("/docs").is(200).text();
    for reach in ["src=\"http", "href=\"http", "src='http", "@import", "src=\"//"] {
        assert!(!page.contains(reach), "the page loads something from elsewhere: {reach}");
    }
}

#[test]
fn figures_are_there_for_prometheus() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({"message": "x"})).is(200);
    let text = ostler.admin().get("/metrics").is(200).text();
    assert!(text.contains("# TYPE ") && text.contains("ostler_"), "{text}");
}
