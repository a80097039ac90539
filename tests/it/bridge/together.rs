//! All servers of a user as one.

use super::*;

fn names(answer: &Answer, list: &str) -> Vec<String> {
    answer.list(list).iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_tool_is_named_after_its_server_and_called_by_that_name() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    for era in ["legacy", "modern"] {
        admin.running(fixture(era));
    }
    let client = Modern::new(&admin, "/mcp");
    let listed = names(&client.send("tools/list", json!({})).is(200), "/result/tools");
    for era in ["legacy", "modern"] {
        let name = format!("{era}__test_simple_text");
        assert!(listed.contains(&name), "{listed:?}");
        assert_eq!(client.call(&name, json!({})).is(200).said(), "This is a simple text response for testing.");
        let session = Legacy::begin(&admin, "/mcp", LEGACY);
        let answer = session.call(2, &name, json!({})).is(200).lacks("/result/resultType");
        assert_eq!(answer.said(), "This is a simple text response for testing.");
    }
    for name in ["test_simple_text", "legacy__nothing", "nobody__test_simple_text"] {
        client.call(name, json!({})).has("/error/code", -32602);
    }
    let prompts = names(&client.send("prompts/list", json!({})).is(200), "/result/prompts");
    assert!(prompts.contains(&"modern__test_simple_prompt".to_owned()), "{prompts:?}");
    client
        .send("prompts/get", json!({"name": "modern__test_simple_prompt"}))
        .is(200)
        .has("/result/resultType", "complete");
}

#[test]
fn instructions_of_all_servers_are_within_bounds_and_those_of_one_are_whole() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let initialize = |path: &str| {
        let params =
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        Modern::new(&admin, path).post(&body).send().is(200).string("/result/instructions")
    };
    let one = admin.running(fake_with("wordy", &["10000"]).named("one"));
    let brief = admin.running(fake_with("wordy", &["7"]).named("brief"));
    let all = initialize("/mcp");
    let kept = "x".repeat(4096);
    assert!(all.contains(&format!("# one\n\n{kept}… (5904 of 10000 bytes left out)\n\n# brief\n\nxxxxxxx")), "{all}");
    assert_eq!(initialize(&format!("/mcp/{}", one.id)).len(), 10_000);
    assert_eq!(initialize(&format!("/mcp/{}", brief.id)), "xxxxxxx");
    let discovered = Modern::new(&admin, "/mcp").send("server/discover", json!({})).is(200);
    assert_eq!(discovered.string("/result/instructions"), all);
}

#[test]
fn two_servers_with_one_uri_are_told_apart_and_both_are_read() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.running(fixture("legacy"));
    admin.running(fixture("modern"));
    let client = Modern::new(&admin, "/mcp");
    let listed = client.send("resources/list", json!({})).is(200);
    let uris: Vec<_> = listed.list("/result/resources").iter().map(|one| one["uri"].as_str().unwrap()).collect();
    for uri in ["test://static-text", "ostler://modern/test://static-text"] {
        assert_eq!(uris.iter().filter(|one| **one == uri).count(), 1, "{uris:?}");
        let read = client.send("resources/read", json!({"uri": uri})).is(200);
        read.has("/result/contents/0/uri", uri);
    }
    let made = client.send("resources/read", json!({"uri": "test://template/77/data"})).is(200);
    assert!(made.string("/result/contents/0/text").contains("77"), "{made:?}");
}

#[test]
fn a_sick_server_is_missing_and_in_nobodys_way() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.running(fixture("legacy"));
    admin.register(fake("crash-at-start").named("sick").enabled());
    let client = Modern::new(&admin, "/mcp");
    let listed = names(&client.send("tools/list", json!({})).is(200), "/result/tools");
    assert!(!listed.is_empty() && listed.iter().all(|name| name.starts_with("legacy__")), "{listed:?}");
}

#[test]
fn others_servers_are_no_part_of_it() {
    let ostler = Ostler::spawn();
    ostler.admin().running(fixture("legacy"));
    let stranger = ostler.admin().make_user("stranger", "developer");
    let client = Modern::new(&stranger, "/mcp");
    client.send("tools/list", json!({})).is(200).has("/result/tools", json!([]));
    client.call("legacy__test_simple_text", json!({})).has("/error/code", -32602);
}

#[test]
fn three_tools_find_describe_and_call_the_others() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.running(fixture("legacy"));
    let client = Modern::new(&admin, "/mcp?tools=search");
    let listed = names(&client.send("tools/list", json!({})).is(200), "/result/tools");
    assert_eq!(listed, ["search_tools", "describe_tool", "call_tool"]);
    let found = client.call("search_tools", json!({"query": "simple text", "limit": 1})).is(200).said();
    assert!(found.contains("legacy__test_simple_text"), "{found}");
    let described = client.call("describe_tool", json!({"name": "legacy__test_simple_text"})).is(200).said();
    assert!(described.contains("inputSchema"), "{described}");
    // Some clients send `null` for what they leave out.
    for arguments in [json!({}), json!(null)] {
        let called = client.call("call_tool", json!({"name": "legacy__test_simple_text", "arguments": arguments}));
        assert_eq!(called.is(200).said(), "This is a simple text response for testing.");
    }
    let found = client.call("search_tools", json!({"query": "simple text", "limit": null})).is(200).said();
    assert!(found.contains("legacy__test_simple_text"), "{found}");
    client.send("tools/list", json!({"cursor": null})).is(200).has("/result/tools/0/name", "search_tools");
    client.call("describe_tool", json!({"name": "nothing"})).is(200).has("/result/isError", true);
    client.call("search_tools", json!({"query": "x", "limit": 51})).is(200).has("/result/isError", true);
}
