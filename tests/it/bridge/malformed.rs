//! Servers whose lists are not what the specification has, beside one whose are.

use super::*;

/// A list at `/mcp`, by the member that tells its items apart.
#[track_caller]
fn listed(client: &Modern, method: &str, list: &str, key: &str) -> Vec<(String, Value)> {
    // No number for most readers, and another server's own business.
    let text = client.send(method, json!({})).is(200).text().replace("1e400", "0");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let items = answer["result"][list].as_array().unwrap().iter();
    items.map(|item| (item[key].as_str().unwrap().to_owned(), item.clone())).collect()
}

#[track_caller]
fn find<'a>(items: &'a [(String, Value)], key: &str) -> &'a Value {
    let mut found = items.iter().filter(|(one, _)| one == key);
    let item = found.next().unwrap_or_else(|| panic!("no {key} in {items:?}"));
    assert!(found.next().is_none(), "{key} is there twice");
    &item.1
}

/// A server with malformed items in every list, beside a good one; and the client of both.
#[track_caller]
fn scene(ostler: &Ostler) -> (Server, Modern) {
    let admin = ostler.admin();
    let server = admin.running(fake_with("malformed", &["offers"]).named("bad"));
    admin.running(fake("ok").named("good"));
    eventually("every list is there", || warnings(&server).contains("the resource template").then_some(()));
    (server, Modern::new(&admin, "/mcp"))
}

#[track_caller]
fn warnings(server: &Server) -> String {
    server.details().is(200).at("/warnings").to_string()
}

#[test]
fn malformed_tools_are_mended_at_mcp_and_hide_no_other() {
    let ostler = Ostler::spawn();
    let (server, client) = scene(&ostler);
    let tools = listed(&client, "tools/list", "tools", "name");
    find(&tools, "good__echo");
    // Some clients lose every tool where one names no properties.
    let empty = json!({"type": "object", "properties": {}});
    for (name, schema) in [
        ("bare", empty.clone()),
        ("null-schema", empty.clone()),
        ("any-of", json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {}})),
        ("true-property", json!({"type": "object", "properties": {"a": {}, "b": {"type": "string"}}})),
        ("required-flag", empty.clone()),
    ] {
        assert_eq!(find(&tools, &format!("bad__{name}"))["inputSchema"], schema, "{name}");
    }
    let plain = json!({"name": "bad__nulls", "inputSchema": empty});
    assert_eq!(*find(&tools, "bad__nulls"), plain);
    assert_eq!(find(&tools, "bad__hints")["annotations"], json!({"readOnlyHint": true}));
    assert_eq!(find(&tools, "bad__icons")["icons"], json!([{"src": "https://a.example/1.png"}]));
    assert_eq!(find(&tools, "bad__array-output")["outputSchema"], json!({"type": "object"}));
    assert_eq!(find(&tools, "bad__twice")["description"], "first");
    assert!(!tools.iter().any(|(name, _)| name.contains("half")), "{tools:?}");
    assert_eq!(find(&tools, "bad__echo")["x-vendor"], json!({"z": 1, "a": 9007199254740993_u64}));
    let own = Modern::new(&server.caller, &format!("/mcp/{}", server.id)).send("tools/list", json!({})).is(200);
    assert!(
        own.text().contains(r#"{"name":"null-schema","inputSchema":null}"#),
        "through its own door it is as it was"
    );
}

#[test]
fn malformed_items_of_other_lists_are_mended_or_left_out_at_mcp() {
    let ostler = Ostler::spawn();
    let (_, client) = scene(&ostler);
    let prompts = listed(&client, "prompts/list", "prompts", "name");
    assert_eq!(*find(&prompts, "bad__ask"), json!({"name": "bad__ask", "arguments": [{"name": "a"}]}));
    assert_eq!(prompts.len(), 2, "{prompts:?}");
    let resources = listed(&client, "resources/list", "resources", "uri");
    assert_eq!(find(&resources, "test://nameless")["name"], "test://nameless");
    let sized = json!({"uri": "test://sized", "name": "s", "annotations": {"audience": []}});
    assert_eq!(*find(&resources, "test://sized"), sized);
    assert_eq!(resources.len(), 3, "{resources:?}");
    let templates = listed(&client, "resources/templates/list", "resourceTemplates", "uriTemplate");
    assert_eq!(find(&templates, "test://{x}")["name"], "test://{x}");
    assert_eq!(templates.len(), 2, "{templates:?}");
}

#[test]
fn a_server_with_malformed_items_says_which_in_its_details_and_on_its_timeline() {
    let ostler = Ostler::spawn();
    let (server, _) = scene(&ostler);
    for said in [
        "the tool bare is changed at /mcp, as clients refuse a list over: inputSchema",
        "the tool true-property is changed at /mcp, as clients refuse a list over: inputSchema.properties.a",
        "the tool twice is left out at /mcp, as clients refuse a list over: a second one of its name",
        "the tool half-a-character is left out at /mcp",
        "annotations.title, annotations.openWorldHint",
    ] {
        let warnings = warnings(&server);
        assert!(warnings.contains(said), "no {said} in {warnings}");
    }
    eventually("the timeline says so, too", || {
        server.caller.get(&server.path("/timeline")).is(200).text().contains("the tool bare is changed").then_some(())
    });
}

#[test]
fn warnings_name_no_tool_to_somebody_who_may_not_configure_the_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("malformed").set("tools", json!({"deny": ["bare"]})));
    eventually("its owner is warned", || server.details().is(200).text().contains("the tool bare").then_some(()));
    let user = ostler.admin().make_user("ada", "developer");
    let share = json!({"userId": user.id, "permissions": ["mcp:execute"]});
    server.caller.post(&server.path("/shares"), share).any_of(&[200, 201]);
    server.seen_by(&user).details().is(200).has("/warnings", json!([]));
}

#[test]
fn lists_that_a_server_does_not_declare_are_asked_for_where_it_declares_none() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("declares-nothing", &["offers"]));
    assert!(server.tool_names().contains(&"echo".to_owned()));
    eventually("its owner is warned", || {
        server.details().is(200).text().contains("it declares neither tools, prompts nor resources").then_some(())
    });
    for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
        let answer = Modern::new(&server.caller, &path).send("server/discover", json!({})).is(200);
        assert!(answer.at("/result/capabilities/tools").is_object(), "{answer:?}");
        assert!(answer.at("/result/capabilities/prompts").is_object(), "{answer:?}");
    }
    let session = Legacy::begin(&server.caller, "/mcp", LEGACY);
    session.call(2, "subject__echo", json!({"message": "hi"})).is(200).has("/result/content/0/text", "hi");
    let prompts = session.send(3, "prompts/list", json!({})).is(200);
    assert!(prompts.text().contains("subject__prompt-0"), "{prompts:?}");
}
