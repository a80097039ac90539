//! Published servers that answer in the newer revision of the protocol and do not keep to it.

use super::*;
use crate::support::mcp::{LEGACY, MODERN, Modern};

/// Its own endpoint, to a client of the newer revision.
fn modern(server: &Server) -> Modern {
    Modern::new(&server.caller, &format!("/mcp/{}", server.id))
}

#[test]
fn context7_starts_slowly_and_is_spoken_to_in_one_era() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let script = folder.join("node_modules/@upstash/context7-mcp/dist/index.js");
    // Longer than `server/discover` is waited for before `initialize` goes out as well: it answers both.
    let spec = Spec::new("sh", json!(["-c", format!("sleep 11; exec node '{}'", script.display())]));
    let server = ostler.admin().running(spec.env("CONTEXT7_API_URL", NOWHERE));
    server.details().has("/runtimeStatus/protocolVersion", LEGACY).has("/runtimeStatus/strayAnswers", 0);
    let tools = modern(&server).send("tools/list", json!({})).is(200).has("/result/resultType", "complete");
    let tools = tools.has("/result/tools/0/name", "resolve-library-id").has("/result/cacheScope", "private");
    assert!(tools.at("/result/ttlMs").is_number(), "{tools:?}");
    let call = modern(&server).call("resolve-library-id", json!({"query": "x", "libraryName": "x"})).is(200);
    call.has("/result/resultType", "complete").has("/result/content/0/type", "text");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn kglite_refuses_calls_in_the_era_it_offers_and_gets_them_in_the_other() {
    let Some(folder) = python_servers("modern") else { return };
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(python(&folder, "kglite-mcp-server", &[]));
    server.details().has("/runtimeStatus/protocolVersion", MODERN);
    let answer = server.call("list_source", json!({})).is(200);
    assert!(answer.said().contains("no active source root"), "{answer:?}");
    server.details().has("/runtimeStatus/protocolVersion", LEGACY);
    let call = modern(&server).call("list_source", json!({})).is(200);
    call.has("/result/resultType", "complete").has("/result/content/0/text", answer.said());
    server.restart().is(200).has("/runtimeStatus/protocolVersion", LEGACY);
    server.stop().is(200);
    ostler.leaves_nothing();
}
