//! Pins of a server at a URL.

use std::sync::{Arc, Mutex};

use super::*;
use crate::support::upstream::{Then, Upstream};

/// A server over HTTP with a tool that is described like this, and one that announces that its list has changed.
fn described(by: Arc<Mutex<&'static str>>) -> Upstream {
    Upstream::start(move |seen, wire| {
        let (body, _) = wire.body_of(&seen.headers);
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let params = &message["params"];
        let result = match message["method"].as_str() {
            Some("initialize") => {
                json!({"protocolVersion": "2025-06-18", "serverInfo": {"name": "far", "version": "1"},
                "capabilities": {"tools": {"listChanged": true}}})
            }
            Some("tools/list") => {
                json!({"tools": [subject(*by.lock().unwrap()), {"name": "announce", "inputSchema": {"type": "object"}}]})
            }
            Some("tools/call") => json!({"content": [{"type": "text", "text": "called"}]}),
            Some("ping") => json!({}),
            method => {
                let status = if method.is_some_and(|name| name.starts_with("notifications/")) {
                    "202 Accepted"
                } else {
                    "405 Method Not Allowed"
                };
                wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
                return Then::Keep;
            }
        };
        let mut messages = vec![json!({"jsonrpc": "2.0", "id": message["id"], "result": result})];
        if params["name"] == "announce" {
            messages.insert(0, json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
        }
        let events: String = messages.iter().map(|message| format!("data: {message}\n\n")).collect();
        let head = format!("Content-Type: text/event-stream\r\nContent-Length: {}", events.len());
        wire.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{events}"));
        Then::Keep
    })
}

#[test]
fn a_tool_of_a_server_at_a_url_that_changes_waits_until_it_is_accepted() {
    let description = Arc::new(Mutex::new("adds"));
    let upstream = described(description.clone());
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")]);
    let admin = ostler.admin();
    let url = format!("http://{}/mcp", upstream.address);
    let server = admin.server(&admin.post("/api/mcp", json!({"name": "far", "url": url})).is(201).string("/id"));
    server.becomes_healthwise("HEALTHY");
    accepted(&server);
    assert_eq!(server.call("subject", json!({})).is(200).said(), "called");

    // In the middle of a session.
    *description.lock().unwrap() = "subtracts";
    server.call("announce", json!({})).is(200);
    assert_eq!(waiting(&server, 1), ["subject"]);
    refused(&server);
    assert!(!server.tool_names().contains(&"subject".to_owned()));
    let calls = || upstream.seen().len();
    let before = calls();
    refused(&server);
    assert_eq!(calls(), before, "nothing of a refused call reaches the server");
    accept(&server, changes(&server).list("/items")).is(200).has("/items", json!([]));
    assert_eq!(server.call("subject", json!({})).is(200).said(), "called");

    // While it was down.
    server.stop().is(200);
    *description.lock().unwrap() = "divides";
    server.start().is(200);
    refused(&server);
    assert_eq!(waiting(&server, 1), ["subject"]);
    let change = changes(&server).has("/items/0/differences/0/pointer", "/description");
    let change = change.has("/items/0/differences/0/before", "subtracts");
    let change = change.has("/items/0/differences/0/after", "divides");
    accept(&server, change.list("/items")).is(200);
    assert_eq!(server.call("subject", json!({})).is(200).said(), "called");
}
