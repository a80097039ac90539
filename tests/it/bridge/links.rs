//! Resources that servers name beside their lists: in results, and as the pages of tools.

use super::*;

const UNLISTED: &str = "note://unlisted/1";

/// A server that reads any resource, and says its process id then.
#[track_caller]
fn reading(caller: &Caller, name: &str, mode: &str) -> (Server, String) {
    let server = caller.running(fake_with(mode, &["offers"]).named(name));
    let pid = server.call("pid", json!({})).is(200).said();
    eventually("its lists are there", || {
        let listed = Modern::new(caller, "/mcp").send("prompts/list", json!({})).is(200);
        listed.text().contains(&format!("{name}__prompt-0")).then_some(())
    });
    (server, pid)
}

/// Has a server link to a resource; what the client is shown for it.
#[track_caller]
fn linked(client: &Modern, server: &str, uri: &str) -> String {
    let result = json!({"content": [{"type": "resource_link", "uri": uri, "name": "n"}]});
    let answer = client.call(&format!("{server}__raw"), json!({"result": result})).is(200);
    answer.string("/result/content/0/uri")
}

#[track_caller]
fn read(client: &Modern, uri: &str) -> String {
    let answer = client.send("resources/read", json!({"uri": uri})).is(200);
    answer.has("/result/contents/0/uri", uri).string("/result/contents/0/text")
}

#[test]
fn a_resource_that_is_linked_and_not_listed_is_that_of_the_server_that_linked_to_it() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    reading(&admin, "one", "ok");
    let (server, pid) = reading(&admin, "two", "ok");
    let client = Modern::new(&admin, "/mcp");
    client.send("resources/read", json!({"uri": UNLISTED})).has("/error/code", -32602);
    assert_eq!(linked(&client, "two", UNLISTED), UNLISTED);
    assert_eq!(read(&client, UNLISTED), pid);

    let session = Legacy::begin(&admin, "/mcp", LEGACY);
    session.send(2, "resources/read", json!({"uri": UNLISTED})).is(200).has("/result/contents/0/text", pid.as_str());
    session.send(3, "resources/subscribe", json!({"uri": UNLISTED})).is(200).has("/result", json!({}));
    let told = server.call("told", json!({})).is(200).said();
    assert!(told.contains(UNLISTED), "{told}");
    let reference = json!({"ref": {"type": "ref/resource", "uri": UNLISTED}, "argument": {"name": "a", "value": ""}});
    session.send(4, "completion/complete", reference).is(200).has("/result/completion/values/0", pid.as_str());

    let stranger = admin.make_user("stranger", "developer");
    Modern::new(&stranger, "/mcp").send("resources/read", json!({"uri": UNLISTED})).has("/error/code", -32602);
}

#[test]
fn links_of_two_servers_to_one_uri_lead_each_to_its_own() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let (_, one) = reading(&admin, "one", "ok");
    let (_, two) = reading(&admin, "two", "modern-only");
    let client = Modern::new(&admin, "/mcp");
    // Both list the first, neither lists the second.
    for uri in ["test://0", UNLISTED] {
        assert_eq!(linked(&client, "one", uri), uri);
        let other = linked(&client, "two", uri);
        assert_eq!(other, format!("ostler://two/{uri}"));
        assert_eq!(read(&client, uri), one);
        assert_eq!(read(&client, &other), two);
    }
}

#[test]
fn the_page_of_a_tool_is_read_from_the_server_of_the_tool() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let (_, one) = reading(&admin, "one", "app");
    let (_, two) = reading(&admin, "two", "modern-app");
    let client = Modern::new(&admin, "/mcp");
    let tools = client.send("tools/list", json!({})).is(200);
    let page = |name: &str| {
        let tool = tools.list("/result/tools").iter().find(|tool| tool["name"] == name).unwrap();
        tool["_meta"]["ui"]["resourceUri"].as_str().unwrap().to_owned()
    };
    // Hosts refuse pages of another scheme.
    assert_eq!(page("one__app"), "ui://app/page");
    assert_eq!(page("two__app"), "ui://ostler/two/ui://app/page");
    assert_eq!(read(&client, &page("one__app")), one);
    assert_eq!(read(&client, &page("two__app")), two);
}
