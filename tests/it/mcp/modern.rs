//! Clients of the newer era: each request stands for itself.

use crate::support::{
    events::Events,
    mcp::{LEGACY, MODERN, Modern},
    *,
};

#[track_caller]
fn client(ostler: &Ostler, mode: &str) -> Modern {
    let server = ostler.admin().running(fake(mode).named(mode));
    Modern::new(&server.caller, &format!("/mcp/{}", server.id))
}

#[test]
fn an_answer_that_comes_first_is_json_under_the_id_it_was_asked_by() {
    let ostler = Ostler::spawn();
    for mode in ["ok", "modern-only"] {
        let answer = client(&ostler, mode).call("echo", json!({"message": "oats"})).is(200);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        assert_eq!(answer.header("mcp-session-id"), None, "{answer:?}");
        assert_eq!(answer.said(), "oats");
        answer.has("/id", "q-1").has("/jsonrpc", "2.0").has("/result/resultType", "complete");
    }
}

#[test]
fn progress_makes_it_a_stream_that_the_answer_ends() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let params = json!({"name": "progress", "arguments": {"steps": 3}, "_meta": {"progressToken": "mine"}});
    let mut exchange = client.ask("tools/call", params).open().unwrap();
    let (status, headers) = exchange.head().unwrap();
    assert_eq!(status, 200);
    assert!(headers.contains(&("content-type".into(), "text/event-stream".into())), "{headers:?}");
    assert!(headers.contains(&("x-accel-buffering".into(), "no".into())), "{headers:?}");
    let events: Vec<_> = Events::of(exchange).collect();
    assert!(events.iter().all(|event| event.id.is_empty()), "{events:?}");
    let (last, before) = events.split_last().unwrap();
    assert_eq!(before.len(), 3, "{events:?}");
    assert!(before.iter().all(|event| event.json()["params"]["progressToken"] == "mine"), "{events:?}");
    assert_eq!(last.json()["id"], "q-1", "{events:?}");
    assert_eq!(last.json()["result"]["resultType"], "complete", "{events:?}");
}

#[test]
fn who_takes_no_events_gets_the_answer_as_json() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let params = json!({"name": "progress", "arguments": {"steps": 3}, "_meta": {"progressToken": 1}});
    let answer = client.ask("tools/call", params).header("Accept", "application/json").send().is(200);
    answer.has("/id", "q-1").has("/result/resultType", "complete");
    client.ask("tools/list", json!({})).header("Accept", "text/html").send().is(406);
}

#[test]
fn closing_the_stream_cancels_the_request() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let arguments = json!({"steps": 1000, "ms": 20, "mark": "gone"});
    let params = json!({"name": "progress", "arguments": arguments, "_meta": {"progressToken": 1}});
    let mut events = Events::of_answer(client.ask("tools/call", params).open().unwrap());
    assert!(events.next().is_some());
    drop(events);
    eventually("the tool heard of it", || (client.call("cancelled", json!({})).said() == "gone").then_some(()));
}

#[test]
fn what_does_not_belong_together_is_refused_by_its_own_code() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let list = || client.ask("tools/list", json!({}));
    let refused = |ask: http::Ask, status: u16, code: i64| ask.send().is(status).has("/error/code", code);
    refused(list().header("MCP-Protocol-Version", LEGACY), 400, -32020);
    refused(list().header("MCP-Protocol-Version", ""), 400, -32020);
    refused(list().header("Mcp-Method", "tools/call"), 400, -32020);
    let call = || client.ask("tools/call", json!({"name": "echo", "arguments": {}}));
    refused(call().header("Mcp-Name", ""), 400, -32020).has("/id", "q-1");
    refused(call().header("Mcp-Name", "=?base64?ZWNoby?="), 400, -32020);
    call().header("Mcp-Name", "=?base64?ZWNobw==?=").send().is(200).lacks("/error");
    refused(client.ask("server/nothing", json!({})), 404, -32601);
    for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        refused(client.ask(gone, json!({})), 404, -32601);
    }
}

#[test]
fn a_version_we_do_not_speak_is_answered_with_those_we_do() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2031-01-01", "io.modelcontextprotocol/clientCapabilities": {}}}});
    let ask = client.post(&body).header("MCP-Protocol-Version", "2031-01-01").header("Mcp-Method", "server/discover");
    let answer = ask.send().is(400).has("/error/code", -32022);
    answer.has("/error/data/supported", json!([MODERN])).has("/error/data/requested", "2031-01-01");
}

#[test]
fn what_is_no_message_is_refused() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let send = |text: &str| client.caller.ask("POST", &client.path).body("application/json", text).send();
    send("{").is(400).has("/error/code", -32700).lacks("/id");
    send("[]").is(400).has("/error/code", -32600);
    send(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#).is(400).has("/error/code", -32600);
    send(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#).is(400).has("/error/code", -32600);
    client.caller.ask("POST", &client.path).body("text/plain", "{}").send().problem(415, "unsupported_media_type");
    client.caller.ask("POST", &client.path).body("application/json", vec![b' '; 5 << 20]).send().is(413);
}

#[test]
fn nobody_unknown_and_no_strange_page_gets_in() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let strange = |caller: &Caller| Modern::new(caller, &client.path).ask("tools/list", json!({}));
    let unknown = strange(&ostler.anonymous()).send().rpc_problem(401, "unauthenticated").has("/id", "q-1");
    assert_eq!(unknown.header("www-authenticate"), Some("Bearer"));
    strange(&ostler.user("developer")).send().rpc_problem(404, "server_not_found");
    strange(&client.caller).header("Origin", "http://evil.example").send().rpc_problem(403, "forbidden");
    strange(&client.caller).header("Host", "evil.example").send().rpc_problem(421, "misdirected_request");
    let key = ostler.admin().make_key(&["mcp:read"]);
    Modern::new(&key, &client.path).send("tools/list", json!({})).is(200);
    Modern::new(&key, &client.path).call("echo", json!({})).rpc_problem(403, "forbidden");
}

#[test]
fn what_is_refused_before_it_is_read_is_an_error_of_the_protocol_where_the_id_can_be_read() {
    let ostler = Ostler::with(&[("RATE_LIMIT_API", "3/60s")]);
    let dana = ostler.admin().make_user("dana", "viewer");
    let post = |kind: &str, text: &[u8]| dana.ask("POST", "/mcp").body(kind, text).send();
    let request = br#"{"method":"ping","params":{},"jsonrpc":"2.0","id":7}"#;
    post("text/plain", request).rpc_problem(415, "unsupported_media_type").has("/id", 7);
    let long = [&br#"{"jsonrpc":"2.0","id":"x","method":"ping","params":{"a":""#[..], &vec![b'a'; 5 << 20]].concat();
    post("application/json", &long).rpc_problem(413, "payload_too_large").has("/id", "x");
    // An answer of the client's has an id of Ostler's.
    post("text/plain", br#"{"jsonrpc":"2.0","id":7,"result":{}}"#).problem(415, "unsupported_media_type");
    let limited = post("application/json", request).rpc_problem(429, "rate_limited").has("/id", 7);
    assert!(limited.header("retry-after").is_some(), "{limited:?}");
    dana.get("/mcp").problem(429, "rate_limited");
}

#[test]
fn an_error_of_ostlers_own_has_the_code_that_http_has_for_it() {
    let ostler = Ostler::spawn();
    let client = client(&ostler, "ok");
    let server = ostler.admin().server(client.path.trim_start_matches("/mcp/"));
    server.stop().is(200);
    let answer = client.call("echo", json!({})).is(200).has("/error/code", 503);
    answer.has("/error/data/code", "server_unavailable");
}

#[test]
fn other_methods_of_http_are_named_what_may_be_sent() {
    let ostler = Ostler::spawn();
    let answer = ostler.admin().ask("PUT", "/mcp").json(&json!({})).send().problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, GET, HEAD, DELETE"));
    ostler.admin().post("/mcp/not-an-id", json!({})).problem(404, "server_not_found");
}

#[test]
fn an_ostler_that_is_only_a_gateway_has_no_such_pages() {
    let ostler = Ostler::with(&[("OSTLER_SERVE", "gateway")]);
    ostler.admin().post("/mcp", json!({})).problem(404, "not_found");
}
