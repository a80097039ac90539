//! JSON nested deeper than its readers take hides nothing but itself.

use crate::support::{
    mcp::{LEGACY, Legacy, MODERN, Modern},
    *,
};

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// The text of a body in which a string stands for something that a `Value` could not hold.
fn filled(body: &Value, with: &str) -> String {
    body.to_string().replace("\"@\"", with)
}

fn execute(server: &Server, tool: &str, value: &str) -> Answer {
    let body = filled(&json!({"toolName": tool, "parameters": {"message": "m", "value": "@"}}), value);
    server.caller.ask("POST", &server.path("/execute")).body("application/json", body).send()
}

#[test]
fn arguments_nested_too_deep_are_refused_at_every_door() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    execute(&server, "echo", &nested(127)).is(200);
    for levels in [128, 100_000] {
        let refusal = execute(&server, "echo", &nested(levels)).problem(400, "malformed_request");
        let detail = refusal.string("/detail");
        assert!(detail.contains("parameters") && detail.contains("128"), "{detail}");
    }
    let params = json!({"name": "subject__echo", "arguments": {"value": "@"}});
    let modern = Modern::new(&admin, "/mcp");
    let legacy = Legacy::begin(&admin, "/mcp", LEGACY);
    for (levels, status) in [(127, 200), (128, 400), (100_000, 400)] {
        let mut whole = params.clone();
        whole["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {}});
        let message = |params: &Value| json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let body = filled(&message(&whole), &nested(levels));
        modern.ask("tools/call", params.clone()).body("application/json", body).send().is(status);
        let body = filled(&message(&params), &nested(levels));
        let answer = legacy.ask(7, "tools/call", params.clone()).body("application/json", body).send().is(status);
        assert!(status == 200 || answer.string("/error/message").contains("128"), "{answer:?}");
    }
    let answer = filled(&json!({"jsonrpc": "2.0", "id": 1, "result": "@"}), &nested(129));
    legacy.post(&Value::Null).body("application/json", answer).send().is(400);
    let config = json!({"config": {"mcpServers": {"a": {"command": "a", "more": "@"}}}});
    let import = admin.ask("POST", "/api/mcp/import").body("application/json", filled(&config, &nested(100_000)));
    import.send().problem(400, "malformed_request");
    assert_eq!(server.logs().list("/items").len(), 3, "what is refused is not called");
}

#[test]
fn an_answer_of_any_depth_comes_whole_and_hides_no_page() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    server.call("echo", json!({"message": "shallow"})).is(200);
    execute(&server, "echo", &nested(120)).is(200);
    for levels in [2000, 100_000] {
        let answer = server.call("deep", json!({"levels": levels})).is(200);
        assert!(answer.text().contains(&nested(levels)), "the caller gets what came");
    }
    for path in ["/api/calls?limit=100".to_owned(), server.path("/logs?limit=100")] {
        let page = admin.get(&path).is(200);
        let [deepest, deep, arguments, shallow] = page.list("/items") else { panic!("{page:?}") };
        assert_eq!(shallow["parameters"], json!({"message": "shallow"}));
        assert_eq!(arguments["parameters"], Value::Null);
        let excerpt = &arguments["parametersExcerpt"];
        assert!(excerpt["text"].as_str().unwrap().contains(&nested(120)), "{excerpt}");
        assert_eq!(excerpt["truncated"], false);
        let one = |call: &Value| admin.get(&format!("/api/calls/{}", call["id"].as_str().unwrap())).is(200);
        let whole = one(deep).has("/response", Value::Null).has("/responseExcerpt/truncated", false);
        assert!(whole.string("/responseExcerpt/text").contains(&nested(2000)));
        assert!(one(deepest).string("/responseExcerpt/text").contains(&"[".repeat(1000)));
    }
}

#[test]
fn a_tool_nested_too_deep_hides_no_other() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("deep"));
    admin.running(fake("ok").named("other"));
    let tools = server.tools().is(200);
    assert!(tools.text().contains("\"echo\"") && !tools.text().contains("buried"));
    let all = Modern::new(&admin, "/mcp").send("tools/list", json!({})).is(200);
    let names: Vec<_> =
        all.list("/result/tools").iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.contains(&"other__echo".into()) && names.contains(&"subject__echo".into()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("buried")));
    eventually("the timeline says why", || {
        admin.get(&server.path("/timeline")).is(200).text().contains("nested deeper than 100").then_some(())
    });
}
