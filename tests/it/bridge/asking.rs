//! Questions of servers to clients, across eras: nobody hears another's, and each is answered in the end.

use super::*;

const ASKS: &str = "test_input_required_result_elicitation";

fn params() -> Value {
    json!({"name": ASKS, "arguments": {}})
}

fn answered(mut params: Value, state: &str) -> Value {
    params["inputResponses"] = json!({"user_name": {"action": "accept", "content": {"name": "Ann"}}});
    params["requestState"] = json!(state);
    params
}

fn everything() -> Value {
    json!({"elicitation": {}, "sampling": {}, "roots": {}})
}

/// A stateless client of a server of the older era.
fn client(ostler: &Ostler) -> Modern {
    let server = ostler.admin().running(exclusive("legacy"));
    Modern::new(&server.caller, &format!("/mcp/{}", server.id))
}

#[test]
fn a_question_in_the_middle_of_a_call_is_the_answer_to_it_until_it_is_sent_again() {
    let ostler = Ostler::spawn();
    let client = client(&ostler);
    let asked = declaring(&client, &everything(), "tools/call", params()).send().is(200);
    let asked = asked.has("/result/resultType", "input_required");
    let asked = asked.has("/result/inputRequests/user_name/method", "elicitation/create");
    let again = answered(params(), &asked.string("/result/requestState"));
    let answer = declaring(&client, &everything(), "tools/call", again).send().is(200);
    assert_eq!(answer.has("/result/resultType", "complete").said(), "Hello, Ann!");
}

#[test]
fn a_request_sent_again_without_answers_is_asked_again() {
    let ostler = Ostler::spawn();
    let client = client(&ostler);
    let asked = declaring(&client, &everything(), "tools/call", params()).send().is(200);
    let first = asked.string("/result/requestState");
    let mut again = params();
    again["requestState"] = json!(first);
    let asked = declaring(&client, &everything(), "tools/call", again).send().is(200);
    let second = asked.has("/result/resultType", "input_required").string("/result/requestState");
    assert_ne!(first, second, "a state is good for one return");
    let answer = declaring(&client, &everything(), "tools/call", answered(params(), &second)).send().is(200);
    assert_eq!(answer.said(), "Hello, Ann!");
}

#[test]
fn a_suspended_request_ends_with_the_key_it_was_made_with() {
    let ostler = Ostler::spawn();
    let owner = client(&ostler);
    let key = owner.caller.post("/api/auth/keys", json!({"name": "k"})).is(201);
    let keyed = Modern { caller: owner.caller.with_token(&caller::secret_of(&key)), ..owner.clone() };
    let asked = declaring(&keyed, &everything(), "tools/call", params()).send().is(200);
    let again = answered(params(), &asked.string("/result/requestState"));
    owner.caller.delete(&format!("/api/auth/keys/{}", key.string("/id"))).is(204);
    let refused = declaring(&owner, &everything(), "tools/call", again).send();
    refused.has("/error/data/reason", "invalid_request_state");
}

#[test]
fn a_request_state_is_good_for_its_request_its_user_and_one_return() {
    let ostler = Ostler::spawn();
    let client = client(&ostler);
    let refused = |client: &Modern, params: Value| {
        let answer = declaring(client, &everything(), "tools/call", params).send();
        answer.has("/error/code", -32602).has("/error/data/reason", "invalid_request_state");
    };
    let asked = declaring(&client, &everything(), "tools/call", params()).send().is(200);
    let state = asked.string("/result/requestState");
    refused(&client, answered(params(), &format!("{state}A")));
    refused(&client, answered(params(), "made-up"));
    refused(&client, answered(json!({"name": ASKS, "arguments": {"other": 1}}), &state));
    let colleague = ostler.admin().make_user("colleague", "admin");
    refused(&Modern::new(&colleague, &client.path), answered(params(), &state));
    let answer = declaring(&client, &everything(), "tools/call", answered(params(), &state)).send().is(200);
    assert_eq!(answer.said(), "Hello, Ann!");
    refused(&client, answered(params(), &state));
}

#[test]
fn a_client_that_cannot_be_asked_is_told_what_it_lacks() {
    let ostler = Ostler::spawn();
    let client = client(&ostler);
    let answer = declaring(&client, &json!({"roots": {}}), "tools/call", params()).send().is(400);
    let answer = answer.has("/error/code", -32021);
    assert!(answer.at("/error/data/requiredCapabilities/elicitation").is_object(), "{answer:?}");
}

#[test]
fn a_server_that_callers_share_asks_nobody() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fixture("legacy"));
    let client = Modern::new(&server.caller, &format!("/mcp/{}", server.id));
    let answer = declaring(&client, &everything(), "tools/call", params()).send().is(200);
    answer.has("/result/isError", true).has("/result/resultType", "complete");
}

#[test]
fn two_requests_that_wait_at_once_each_get_their_own_answer() {
    let ostler = Ostler::spawn();
    let client = client(&ostler);
    let sampling = json!({"name": "test_input_required_result_sampling", "arguments": {}});
    let one = declaring(&client, &everything(), "tools/call", params()).send().is(200);
    let other = declaring(&client, &everything(), "tools/call", sampling.clone()).send().is(200);
    let other = other.has("/result/inputRequests/capital_question/method", "sampling/createMessage");
    let answer = answered(params(), &one.string("/result/requestState"));
    assert_eq!(declaring(&client, &everything(), "tools/call", answer).send().is(200).said(), "Hello, Ann!");
    let mut again = sampling;
    again["requestState"] = json!(other.string("/result/requestState"));
    again["inputResponses"] = json!({"capital_question":
        {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"}});
    let answer = declaring(&client, &everything(), "tools/call", again).send().is(200);
    assert!(answer.said().contains("Paris"), "{answer:?}");
}

#[test]
fn what_a_stateless_server_asks_reaches_a_client_with_a_session_as_a_request() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fixture("modern"));
    let session = session(&server.caller, &format!("/mcp/{}", server.id), &everything());
    let call = session.ask(2, "tools/call", params()).open().unwrap();
    let mut said = events::Events::of_answer(call);
    let asked = said.find(|event| event.data.contains("elicitation/create")).json();
    let answer =
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"name": "Ann"}}});
    session.post(&answer).send().is(202);
    let answer = said.find(|event| event.data.contains("\"result\"")).json();
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(2), &json!("Hello, Ann!")));
    assert!(answer["result"]["resultType"].is_null(), "{answer}");
}

#[test]
fn a_client_with_a_session_that_declared_nothing_is_not_asked() {
    let ostler = Ostler::spawn();
    for era in ["legacy", "modern"] {
        let server = ostler.admin().running(exclusive(era));
        let session = session(&server.caller, &format!("/mcp/{}", server.id), &json!({}));
        let answer = session.send(2, "tools/call", params()).is(200);
        assert!(!answer.text().contains("elicitation/create"), "{era}: {answer:?}");
        assert!(answer.text().contains("isError") || answer.text().contains("\"error\""), "{era}: {answer:?}");
    }
}

#[test]
fn a_call_that_takes_a_server_too_long_is_on_record_as_expired_not_as_given_up_by_its_caller() {
    let ostler = Ostler::with(&[("MCP_CALL_TIMEOUT_MS", "500")]);
    let server = ostler.admin().running(fake("ok").set("isolation", json!("per-session")));
    let path = format!("/mcp/{}", server.id);
    let session = session(&server.caller, &path, &json!({}));
    session.call(2, "hang", json!({})).has("/error/code", 504);
    Modern::new(&server.caller, &path).call("hang", json!({})).has("/error/code", 504);
    for record in server.logs().list("/items") {
        assert_eq!(record["errorMessage"], json!("no answer before the deadline"), "{record}");
    }
}
