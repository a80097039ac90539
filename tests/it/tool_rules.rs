//! Which tools callers see and may call, and how calls say what trace they are part of.

use ::ostler::{
    Runtime, actix,
    calls::ClientRequest,
    mcp::{McpClient, Request},
    model::{ServerConfig, ToolRules},
    serde_json::{self, value::RawValue},
};

use crate::support::{backends::on_both_databases, folder::Folder, mcp::Modern, server::hostile_server, *};

on_both_databases! {
    fn what_an_owner_denies_is_neither_shown_nor_called_not_even_by_the_owner(setup: Setup) {
        let mut ostler = setup.spawn();
        let rules = json!({"allow": ["e*", "pid", "fail"], "deny": ["*ai*"]});
        let server = ostler.admin().register(fake("ok").enabled().set("tools", rules));
        let server = server.caller.server(&server.id);
        eventually("it runs", || (server.status() == "running").then_some(()));
        assert_eq!(server.tool_names(), ["echo", "pid"]);
        server.call("echo", json!({"message": "x"})).is(200);
        let refused = server.call("fail", json!({})).problem(400, "tool_execution_failed");
        let refused = refused.has("/toolError/code", -32602).has("/toolError/message", "Unknown tool: fail");
        refused.has("/detail", "Unknown tool: fail (-32602)");
        server.logs().has("/items/0/toolName", "fail").has("/items/0/success", false);
        eventually("the denial is in the audit log", || {
            let log = ostler.admin().get("/api/audit?action=tool.call").is(200);
            log.text().contains("the tool fail").then_some(())
        });
        let pid = server.pid();
        server.change(json!({"tools": {}})).is(200).has("/tools/allow", json!([]));
        assert_eq!(server.pid(), pid, "rules need no new process");
        server.call("fail", json!({})).problem(400, "tool_execution_failed").has("/detail", "it was meant to fail");
        server.change(json!({"tools": {"deny": ["echo"]}})).is(200);
        ostler.terminate();
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        server.details().is(200).has("/server/tools/deny/0", "echo");
    }
}

#[test]
fn rules_of_tools_that_cannot_be_meant_are_refused_by_field() {
    let ostler = Ostler::spawn();
    let rules = json!({"allow": [""], "deny": "echo"});
    let answer = ostler.admin().try_register(fake("ok").set("tools", rules)).problem(422, "validation_failed");
    answer.has("/errors/0/pointer", "/tools/deny");
    let rules = json!({"allow": ["", "x".repeat(257)]});
    let answer = ostler.admin().try_register(fake("ok").set("tools", rules)).problem(422, "validation_failed");
    answer.has("/errors/0/pointer", "/tools/allow/0").has("/errors/1/pointer", "/tools/allow/1");
    ostler.admin().try_register(fake("ok").set("isolation", json!("per-caller"))).problem(422, "validation_failed");
}

#[test]
fn a_call_tells_its_server_which_trace_it_is_part_of() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({"toolName": "received", "parameters": {"a": 1}});
    let ask = |trace: &str| {
        let ask = server.caller.ask("POST", &server.path("/execute")).json(&body);
        ask.header("traceparent", trace).send().is(200).said()
    };
    let line: Value = serde_json::from_str(&ask(trace)).unwrap();
    assert_eq!(line.pointer("/params/_meta/traceparent"), Some(&json!(trace)));
    assert_eq!(line.pointer("/params/arguments"), Some(&json!({"a": 1})));
    assert!(!ask("not-a-trace").contains("trace"));
}

#[test]
fn a_server_is_told_the_state_of_the_trace_by_every_door() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let modern = Modern::new(&ostler.admin(), &format!("/mcp/{}", server.id));
    let execute = server.caller.ask("POST", &server.path("/execute")).json(&json!({"toolName": "received"}));
    let call = modern.ask("tools/call", json!({"name": "received", "arguments": {}, "_meta": {"baggage": "b=2"}}));
    for (door, ask) in [("execute", execute), ("mcp", call)] {
        let ask = ask.header("traceparent", trace).header("tracestate", "a=1, c=3 , d=4");
        let answer = ask.send().is(200);
        let line = answer.text();
        for said in [format!(r#"\"traceparent\":\"{trace}\""#), r#"\"tracestate\":\"a=1,c=3,d=4\""#.to_owned()] {
            assert!(line.contains(&said), "{door}: {said} is missing: {line}");
        }
    }
}

#[actix::test]
async fn lists_of_any_client_keep_to_the_rules_and_the_common_listing_has_the_owners_words() {
    let folder = Folder::new();
    let runtime = Runtime::builder().data_dir(folder.path()).guard(env!("CARGO_BIN_EXE_ostler")).start().await.unwrap();
    let me = runtime.embedder();
    let tools = ToolRules {
        allow: vec!["echo".into(), "pid".into()],
        descriptions: [("pid".to_owned(), "its number".to_owned())].into(),
        ..ToolRules::default()
    };
    let config = ServerConfig::new("fake", hostile_server().to_str().unwrap()).args(["ok"]);
    let id = runtime.servers().create(me, ServerConfig { tools, ..config }).await.unwrap().server.id;

    let capabilities = std::sync::Arc::from(RawValue::from_string("{}".into()).unwrap());
    let client = McpClient {
        session: uuid::Uuid::new_v4(),
        era: ::ostler::mcp::Era::Legacy,
        capabilities,
        info: None,
        log_level: None,
    };
    let request = Request::new("tools/list", None).unwrap();
    let ask = ClientRequest {
        request: request.into(),
        client: client.into(),
        timeout: None,
        expired: None,
        subscriber: None,
    };
    let page = runtime.calls().forward(me, id, ask).await.unwrap().outcome.unwrap();
    let page: Value = serde_json::from_str(page.get()).unwrap();
    assert_eq!(page["tools"].as_array().unwrap().len(), 2);
    assert_eq!(page["tools"][1]["description"], "the pid tool");

    let listing = runtime.listings().listing(me, id).await.unwrap();
    assert_eq!(listing.tools.len(), 2);
    assert!(listing.tools[1].get().contains("the pid tool"));
    let servers = runtime.listings().servers(me).unwrap();
    let listing = servers[0].listing.as_ref().unwrap();
    assert_eq!((servers[0].name.as_str(), listing.tools.len()), ("fake", 2));
    assert!(listing.tools[1].get().contains("its number") && listing.tools[1].get().contains("9007199254740993"));
    runtime.stop().await;
}
