//! What is about no request: changes of lists and of resources, as each era's clients listen to them.

use super::{events::Events, *};

const UPDATED: &str = "notifications/resources/updated";

/// Opens a subscription, and answers what is agreed to.
fn subscribe(client: &Modern, notifications: Value) -> (Events, Value) {
    let ask = declaring(client, &json!({}), "subscriptions/listen", json!({"notifications": notifications}));
    let mut events = Events::of_answer(ask.open().unwrap());
    let first = events.next().unwrap().json();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{first}");
    let agreed = first["params"]["notifications"].clone();
    (events, agreed)
}

#[test]
fn a_stateless_client_hears_what_it_subscribed_to_whatever_era_the_server_speaks() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        let client = Modern::new(&server.caller, &format!("/mcp/{}", server.id));
        let wanted =
            json!({"toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"], "taskIds": ["1"]});
        let (mut events, agreed) = subscribe(&client, wanted);
        let expected = json!({"toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"]});
        assert_eq!(agreed, expected, "{era}");
        client.call("test_trigger_tool_change", json!({})).is(200);
        client.call("test_trigger_prompt_change", json!({})).is(200);
        client.call("test_trigger_resource_update", json!({})).is(200);
        let update = events.find(|event| {
            assert!(!event.data.contains("prompts"), "{}", event.data);
            event.data.contains(UPDATED)
        });
        let update = update.json();
        assert_eq!(update["params"]["uri"], "test://watched-resource");
        assert_eq!(update["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    }
}

#[test]
fn a_change_of_a_list_is_told_to_both_eras() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
            let client = Modern::new(&server.caller, &path);
            let session = Legacy::begin(&server.caller, &path, LEGACY);
            let mut standalone = session.listen("");
            let (mut subscription, _) = subscribe(&client, json!({"toolsListChanged": true}));
            server.call("test_trigger_tool_change", json!({})).is(200);
            for events in [&mut standalone, &mut subscription] {
                events.find(|event| event.data.contains("notifications/tools/list_changed"));
            }
        }
        server.remove().is(204);
    }
}

#[test]
fn a_session_hears_of_resources_until_it_unsubscribes() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
            let session = Legacy::begin(&server.caller, &path, LEGACY);
            let mut standalone = session.listen("");
            let uri = json!({"uri": "test://watched-resource"});
            session.send(2, "resources/subscribe", uri.clone()).is(200).has("/result", json!({}));
            server.call("test_trigger_resource_update", json!({})).is(200);
            let update = standalone.find(|event| event.data.contains(UPDATED)).json();
            assert_eq!(update["params"]["uri"], "test://watched-resource");
            assert!(!update.to_string().contains("subscriptionId"), "{update}");
            session.send(3, "resources/unsubscribe", uri).is(200).has("/result", json!({}));
            server.call("test_trigger_resource_update", json!({})).is(200);
            server.call("test_trigger_tool_change", json!({})).is(200);
            standalone.find(|event| {
                assert!(!event.data.contains(UPDATED), "{}", event.data);
                event.data.contains("tools/list_changed")
            });
        }
        server.remove().is(204);
    }
}

#[test]
fn a_session_that_is_taken_up_again_still_watches_what_it_did() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fixture("legacy").enabled());
    let mut session = Legacy::begin(&server.caller, "/mcp", LEGACY);
    session.send(2, "resources/subscribe", json!({"uri": "test://watched-resource"})).is(200);
    session.send(3, "logging/setLevel", json!({"level": "error"})).is(200);
    ostler.kill();
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    server.becomes("running");
    session.caller.address = ostler.address;
    let mut standalone = session.listen("");
    eventually("it is subscribed again", || {
        server.call("test_trigger_resource_update", json!({})).is(200);
        server.call("test_trigger_tool_change", json!({})).is(200);
        // Either is told within the stream; the update comes first where there is a subscription.
        let next = standalone.find(|event| event.data.contains(UPDATED) || event.data.contains("tools/list_changed"));
        next.data.contains(UPDATED).then_some(())
    });
}

/// Kills Ostler and starts it again; the session goes on where it is now.
#[track_caller]
fn killed_and_started(ostler: &mut Ostler, session: &mut Legacy, server: &Server) -> Server {
    ostler.kill();
    ostler.start_again();
    session.caller.address = ostler.address;
    let server = ostler.admin().server(&server.id);
    server.becomes("running");
    server
}

#[test]
fn a_subscription_that_its_server_has_yet_to_agree_to_again_outlives_another_change_of_the_session() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("ok", &["offers"]).enabled());
    let mut session = Legacy::begin(&server.caller, &format!("/mcp/{}", server.id), LEGACY);
    for (id, uri) in [(2, "test://0"), (3, "test://1")] {
        session.send(id, "resources/subscribe", json!({"uri": uri})).is(200).has("/result", json!({}));
    }
    server.change(json!({"args": ["subscribe-silent", "offers"]})).is(200);
    let server = killed_and_started(&mut ostler, &mut session, &server);
    session.send(4, "logging/setLevel", json!({"level": "error"})).is(200);
    session.send(5, "resources/unsubscribe", json!({"uri": "test://1"})).is(200).has("/result", json!({}));
    server.change(json!({"args": ["ok", "offers"]})).is(200);
    let server = killed_and_started(&mut ostler, &mut session, &server);
    session.send(6, "ping", json!({})).is(200);
    eventually("it is subscribed again", || {
        let told = server.call("told", json!({})).is(200).said();
        assert!(!told.contains("test://1"), "{told}");
        told.contains("test://0").then_some(())
    });
}

#[test]
fn a_session_that_is_only_a_row_ends_without_its_servers_being_asked_for_anything() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("ok", &["offers"]).enabled());
    let stranger = ostler.user("executor");
    let mut session = Legacy::begin(&server.caller, &format!("/mcp/{}", server.id), LEGACY);
    session.send(2, "resources/subscribe", json!({"uri": "test://0"})).is(200).has("/result", json!({}));
    // What it is asked for stays so: one that does not answer is not unsubscribed from either.
    server.change(json!({"args": ["subscribe-silent", "offers"]})).is(200);
    let server = killed_and_started(&mut ostler, &mut session, &server);
    Legacy { caller: Caller { address: ostler.address, ..stranger }, ..session.clone() }.end().is(404);
    Legacy { path: "/mcp".into(), ..session.clone() }.end().is(404);
    session.end().is(204);
    session.send(3, "ping", json!({})).is(404);
    session.end().is(404);
    let told = server.call("told", json!({})).is(200).said();
    assert!(!told.contains("test://0"), "{told}");
}

#[test]
fn a_server_that_comes_is_news_to_who_listens_to_all() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let client = Modern::new(&admin, "/mcp");
    let (mut events, _) = subscribe(&client, json!({"toolsListChanged": true}));
    admin.running(fixture("legacy"));
    events.find(|event| event.data.contains("notifications/tools/list_changed"));
}

#[test]
fn a_process_of_ones_own_that_lists_what_was_shown_before_changes_no_list() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake_with("ok", &["offers"]).set("isolation", json!("per-session")));
    for (path, tool) in [("/mcp".into(), "subject__grow"), (format!("/mcp/{}", server.id), "grow")] {
        eventually("its lists are there", || {
            let listed = Modern::new(&admin, "/mcp").send("prompts/list", json!({})).is(200);
            listed.text().contains("subject__prompt-0").then_some(())
        });
        let session = Legacy::begin(&admin, &path, LEGACY);
        let mut standalone = session.listen("");
        session.send(2, "tools/list", json!({})).is(200);
        // Where the first change were an untrue one, others would follow it before the second.
        for id in [3, 4] {
            session.call(id, tool, json!({})).is(200);
            standalone.find(|event| {
                let others = ["notifications/prompts/list_changed", "notifications/resources/list_changed"];
                assert!(!others.iter().any(|other| event.data.contains(other)), "{}", event.data);
                event.data.contains("notifications/tools/list_changed")
            });
        }
    }
}
