//! Extensions: every one passes in both directions, but for tasks.

use super::*;

const UI: &str = "io.modelcontextprotocol/ui";
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// What a client declares that has both.
fn declared() -> Value {
    json!({"elicitation": {}, "extensions": {UI: {"mimeTypes": ["text/html"]}, TASKS: {}}})
}

#[test]
fn a_client_of_any_revision_hears_of_the_extensions_of_servers_of_either_era() {
    let ostler = Ostler::spawn();
    for mode in ["app", "modern-app"] {
        let server = ostler.admin().running(fake(mode));
        for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
            let answer = Modern::new(&server.caller, &path).send("server/discover", json!({})).is(200);
            answer.has("/result/capabilities/extensions", json!({UI: {"x": [1]}}));
            for version in ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY] {
                let new = Legacy {
                    caller: server.caller.clone(),
                    path: path.clone(),
                    session: String::new(),
                    version: String::new(),
                };
                let params = json!({"protocolVersion": version, "capabilities": {}});
                let answer = new.send(1, "initialize", params).is(200).has("/result/protocolVersion", version);
                answer.has("/result/capabilities/extensions", json!({UI: {"x": [1]}}));
            }
        }
        server.remove().is(204);
    }
    let answer = Modern::new(&ostler.admin(), "/mcp").send("server/discover", json!({})).is(200);
    answer.lacks("/result/capabilities/extensions");
}

#[test]
fn a_process_of_ones_own_hears_of_the_extensions_of_its_client() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("app").set("isolation", json!("per-session")));
    let heard = |answer: Answer| {
        let greeting: Value = serde_json::from_str(&answer.is(200).said()).unwrap();
        assert_eq!(greeting["params"]["capabilities"]["extensions"], json!({UI: {"mimeTypes": ["text/html"]}}));
    };
    for (path, tool) in [(format!("/mcp/{}", server.id), "greeted"), ("/mcp".into(), "subject__greeted")] {
        heard(session(&server.caller, &path, &declared()).call(2, tool, json!({})));
        let params = json!({"name": tool, "arguments": {}});
        heard(declaring(&Modern::new(&server.caller, &path), &declared(), "tools/call", params).send());
    }
}

#[test]
fn a_server_of_the_newer_era_hears_of_extensions_with_each_request() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("modern-app"));
    for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
        let tool = if path == "/mcp" { "subject__received" } else { "received" };
        let said = session(&server.caller, &path, &declared()).call(2, tool, json!({})).is(200).said();
        let line: Value = serde_json::from_str(&said).unwrap();
        let capabilities = &line["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        assert_eq!(capabilities["extensions"], json!({UI: {"mimeTypes": ["text/html"]}}), "{line}");
    }
}

#[test]
fn a_call_is_never_made_as_a_task() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    for (path, tool) in [(format!("/mcp/{}", server.id), "received"), ("/mcp".into(), "subject__received")] {
        let params = json!({"name": tool, "arguments": {"task": 1}, "task": {"ttl": 60_000}});
        let session = Legacy::begin(&server.caller, &path, LEGACY);
        let line: Value = serde_json::from_str(&session.send(2, "tools/call", params).is(200).said()).unwrap();
        assert_eq!(line["params"], json!({"name": "received", "arguments": {"task": 1}}));
    }
}
