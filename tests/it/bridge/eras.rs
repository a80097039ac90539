//! What a client of one era hears of a server of the other.

use super::*;

#[test]
fn a_result_says_what_its_clients_era_wants_to_hear() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        let path = format!("/mcp/{}", server.id);
        let modern = Modern::new(&server.caller, &path);
        for (method, params) in [
            ("tools/list", json!({})),
            ("prompts/list", json!({})),
            ("resources/list", json!({})),
            ("resources/templates/list", json!({})),
            ("resources/read", json!({"uri": "test://static-text"})),
        ] {
            let answer = modern.send(method, params.clone()).is(200);
            let answer = answer.has("/result/resultType", "complete").has("/result/cacheScope", "private");
            assert!(answer.at("/result/ttlMs").is_u64(), "{answer:?}");
            // What a server of the newer era leaves out of its own results is not for others to add.
            let named = answer.text().contains("io.modelcontextprotocol/serverInfo");
            assert!(named || era == "modern", "{answer:?}");
            let session = Legacy::begin(&server.caller, &path, LEGACY);
            let answer = session.send(2, method, params).is(200);
            answer.lacks("/result/resultType").lacks("/result/ttlMs").lacks("/result/cacheScope");
        }
    }
}

#[test]
fn each_era_introduces_a_server_of_either() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        let path = format!("/mcp/{}", server.id);
        let answer = Modern::new(&server.caller, &path).send("server/discover", json!({})).is(200);
        let answer = answer.has("/result/supportedVersions", json!(["2026-07-28"])).lacks("/result/protocolVersion");
        assert!(answer.at("/result/capabilities/tools").is_object(), "{answer:?}");
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
        let begun = Legacy { caller: server.caller.clone(), path, session: String::new(), version: String::new() };
        let answer = begun.send(1, "initialize", params).is(200).has("/result/protocolVersion", "2025-06-18");
        let answer = answer.has("/result/serverInfo/name", "conformance").lacks("/result/supportedVersions");
        assert!(answer.at("/result/capabilities/tools").is_object(), "{answer:?}");
    }
}

#[test]
fn what_is_not_there_is_told_by_the_code_of_the_clients_era() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fixture("legacy"));
    let gone = json!({"uri": "test://gone"});
    for path in [format!("/mcp/{}", server.id), "/mcp".into()] {
        Modern::new(&server.caller, &path).send("resources/read", gone.clone()).has("/error/code", -32602);
        let session = Legacy::begin(&server.caller, &path, LEGACY);
        session.send(2, "resources/read", gone.clone()).has("/error/code", -32002);
    }
}

#[test]
fn messages_are_heard_from_the_level_that_a_client_wants_on() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(exclusive(era));
        let session = session(&server.caller, &format!("/mcp/{}", server.id), &json!({}));
        let heard = |id: u64| {
            let answer = session.call(id, "test_tool_with_logging", json!({})).is(200);
            answer.text().matches("notifications/message").count()
        };
        session.send(2, "logging/setLevel", json!({"level": "debug"})).is(200).has("/result", json!({}));
        assert!(heard(3) > 0, "{era}");
        session.send(4, "logging/setLevel", json!({"level": "emergency"})).is(200);
        assert_eq!(heard(5), 0, "{era}");
        session.send(6, "logging/setLevel", json!({"level": "loud"})).has("/error/code", -32602);
    }
}

#[test]
fn a_server_that_is_down_shows_what_it_listed_last() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(fixture(era));
        let modern = Modern::new(&server.caller, &format!("/mcp/{}", server.id));
        let names = |answer: Answer| {
            answer.list("/result/tools").iter().map(|tool| tool["name"].to_string()).collect::<Vec<_>>()
        };
        let live = names(modern.send("tools/list", json!({})).is(200));
        server.stop().is(200);
        assert_eq!(names(modern.send("tools/list", json!({})).is(200).has("/result/resultType", "complete")), live);
    }
}

#[test]
fn an_older_client_is_not_told_with_each_result_who_made_it() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("modern-only"));
    let path = format!("/mcp/{}", server.id);
    let result = |meta: Value| json!({"result": {"content": [], "_meta": meta}});
    let info = json!({"io.modelcontextprotocol/serverInfo": {"name": "n", "version": "1"}});
    let session = Legacy::begin(&server.caller, &path, LEGACY);
    session.call(2, "raw", result(info.clone())).is(200).has("/result", json!({"content": []}));
    let more = json!({"io.modelcontextprotocol/serverInfo": {"name": "n", "version": "1"}, "vendor": 1});
    session.call(3, "raw", result(more)).is(200).has("/result/_meta", json!({"vendor": 1}));
    Modern::new(&server.caller, &path).call("raw", result(info.clone())).is(200).has("/result/_meta", info);
}
