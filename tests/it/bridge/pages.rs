//! Pages that a user must visit: each era says so in its own way, and either client can go there.

use super::*;

const PAGE: &str = "https://pages.example/consent";

fn visitor() -> Value {
    json!({"elicitation": {"url": {}}})
}

/// A stateless client of a fake of the older era.
fn client(ostler: &Ostler) -> Modern {
    let server = ostler.admin().running(fake_with("ok", &["offers"]).set("isolation", json!("per-session")));
    Modern::new(&server.caller, &format!("/mcp/{}", server.id))
}

/// Calls a tool that wants its user somewhere, goes there, and calls again.
#[track_caller]
fn visit(client: &Modern, mut params: Value) -> Answer {
    let asked = declaring(client, &visitor(), "tools/call", params.clone()).send().is(200);
    let asked = asked.has("/result/resultType", "input_required");
    let requests = asked.at("/result/inputRequests").clone();
    let [(key, request)] = &requests.as_object().unwrap().iter().collect::<Vec<_>>()[..] else { panic!("{requests}") };
    let wanted = json!({"mode": "url", "url": PAGE, "message": "Please agree"});
    assert_eq!((&request["method"], &request["params"]), (&json!("elicitation/create"), &wanted));
    params["inputResponses"] = json!({*key: {"action": "accept"}});
    params["requestState"] = json!(asked.string("/result/requestState"));
    declaring(client, &visitor(), "tools/call", params).send().is(200).has("/result/resultType", "complete")
}

fn page() -> Value {
    json!({"mode": "url", "elicitationId": "visit-1", "url": PAGE, "message": "Please agree"})
}

#[test]
fn a_refusal_until_pages_are_visited_asks_a_stateless_client_to_and_the_call_sent_again_completes() {
    let ostler = Ostler::spawn();
    let params = json!({"name": "pages-first", "arguments": {"elicitations": [page()]}});
    assert_eq!(visit(&client(&ostler), params).said(), "visited");
}

#[test]
fn a_server_of_the_older_era_that_asks_for_a_visit_gets_its_answer_from_a_stateless_client() {
    let ostler = Ostler::spawn();
    let params = json!({"name": "question", "arguments": {"method": "elicitation/create", "params": page()}});
    assert!(visit(&client(&ostler), params).said().contains(r#""result":{"action":"accept"}"#));
}

#[test]
fn a_stateless_client_that_visits_no_pages_is_told_what_it_lacks() {
    let ostler = Ostler::spawn();
    let params = json!({"name": "pages-first", "arguments": {"elicitations": [page()]}});
    let answer = declaring(&client(&ostler), &json!({"elicitation": {}}), "tools/call", params).send();
    let answer = answer.is(400).has("/error/code", -32021);
    assert!(answer.at("/error/data/requiredCapabilities/elicitation/url").is_object(), "{answer:?}");
}

#[test]
fn a_client_with_a_session_gets_an_id_with_a_page_of_a_stateless_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fixture("modern"));
    let session = session(&server.caller, &format!("/mcp/{}", server.id), &visitor());
    let call = session.ask(2, "tools/call", json!({"name": "page_to_visit", "arguments": {}})).open().unwrap();
    let mut said = events::Events::of_answer(call);
    let asked = said.find(|event| event.data.contains("elicitation/create")).json();
    assert_eq!((&asked["params"]["mode"], &asked["params"]["url"]), (&json!("url"), &json!(PAGE)));
    assert!(asked["params"]["elicitationId"].as_str().is_some_and(|id| !id.is_empty()), "{asked}");
    session.post(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}})).send().is(202);
    let answer = said.find(|event| event.data.contains("\"result\"")).json();
    assert_eq!(answer["result"]["content"][0]["text"], json!("The user said accept"));
}
