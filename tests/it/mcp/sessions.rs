//! Clients of the older era: a session from `initialize` to its end.

use crate::support::{
    mcp::{LEGACY, Legacy},
    *,
};

#[track_caller]
fn session(ostler: &Ostler, mode: &str) -> Legacy {
    let server = ostler.admin().running(fake(mode).named(mode));
    Legacy::begin(&server.caller, &format!("/mcp/{}", server.id), LEGACY)
}

#[test]
fn a_session_begins_with_initialize_and_is_gone_after_delete() {
    let ostler = Ostler::spawn();
    for mode in ["ok", "modern-only"] {
        let session = session(&ostler, mode);
        assert!(session.session.bytes().all(|byte| byte.is_ascii_graphic()), "{}", session.session);
        let noted = session.notify("notifications/initialized", json!({})).is(202);
        assert!(noted.body.is_empty(), "{noted:?}");
        session.send(2, "ping", json!({})).is(200).has("/id", 2).has("/result", json!({}));
        let answer = session.call(3, "echo", json!({"message": "hay"})).is(200).lacks("/result/resultType");
        assert_eq!(answer.said(), "hay");
        session.end().any_of(&[200, 204]);
        session.send(4, "ping", json!({})).is(404).has("/id", 4);
        session.end().is(404);
    }
}

#[test]
fn every_revision_with_a_handshake_is_spoken() {
    let ostler = Ostler::spawn();
    let first = session(&ostler, "ok");
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY] {
        let session = Legacy::begin(&first.caller, &first.path, version);
        assert_eq!(session.version, version);
        assert_eq!(session.call(1, "echo", json!({"message": "x"})).is(200).said(), "x");
    }
    assert_eq!(Legacy::begin(&first.caller, &first.path, "2031-01-01").version, LEGACY);
}

#[test]
fn a_request_needs_a_session_of_its_own_user_at_its_own_address() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, "ok");
    let other = |caller: &Caller, path: &str, id: &str| Legacy {
        caller: caller.clone(),
        path: path.into(),
        session: id.into(),
        version: session.version.clone(),
    };
    other(&session.caller, &session.path, "").send(1, "ping", json!({})).is(400);
    other(&session.caller, &session.path, "unknown").send(1, "ping", json!({})).is(404);
    other(&session.caller, "/mcp", &session.session).send(1, "ping", json!({})).is(404);
    let colleague = ostler.admin().make_user("colleague", "admin");
    other(&colleague, &session.path, &session.session).send(1, "ping", json!({})).is(404);
    other(&colleague, &session.path, &session.session).end().is(404);
    let same_user_by_key = session.caller.make_key(&["mcp:read", "mcp:execute"]);
    other(&same_user_by_key, &session.path, &session.session).send(1, "ping", json!({})).is(200);
}

#[test]
fn a_version_that_never_was_is_refused_and_none_is_taken_for_an_old_one() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, "ok");
    session.ask(1, "ping", json!({})).header("MCP-Protocol-Version", "1999-01-01").send().is(400);
    session.ask(1, "ping", json!({})).header("MCP-Protocol-Version", "").send().is(200);
}

/// Waits until the server has a request: before that it can neither be cancelled there, nor is its id surely taken.
fn wait_for_work(session: &Legacy) {
    let path = format!("/api{}", session.path);
    eventually("the server works on it", || {
        (session.caller.get(&path).is(200).number("/runtimeStatus/inFlight") == 1).then_some(())
    });
}

#[test]
fn a_cancelled_request_is_not_answered_and_the_server_is_told() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, "ok");
    let mut asking =
        session.ask(7, "tools/call", json!({"name": "hang", "arguments": {"mark": "gone"}})).open().unwrap();
    wait_for_work(&session);
    session.notify("notifications/cancelled", json!({"requestId": 7, "reason": "enough"})).is(202);
    eventually("the server is told", || {
        let told = session.call(8, "cancelled", json!({})).is(200).said();
        (!told.is_empty()).then_some(())
    });
    let (status, _) = asking.head().unwrap();
    assert_eq!((status, asking.chunk().unwrap()), (200, None));
    session.send(7, "ping", json!({})).is(200);
}

#[test]
fn an_id_in_use_is_refused_and_does_not_disturb_who_has_it() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, "ok");
    let asking = session.ask(7, "tools/call", json!({"name": "sleep", "arguments": {"ms": 1500}})).open().unwrap();
    wait_for_work(&session);
    session.send(7, "ping", json!({})).is(400);
    asking.finish("the first").unwrap().is(200).has("/id", 7);
}

#[test]
fn a_batch_is_for_the_one_revision_that_had_them() {
    let ostler = Ostler::spawn();
    let newer = session(&ostler, "ok");
    let ping = |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    newer.post(&json!([ping(1)])).send().is(400).has("/error/code", -32600);
    let older = Legacy::begin(&newer.caller, &newer.path, "2025-03-26");
    older.post(&json!([note])).send().is(202);
    let batch = json!([ping(1), note, ping(2)]);
    let answers = older.post(&batch).header("Accept", "application/json").send().is(200);
    let mut ids: Vec<_> = answers.list("").iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    let events = events::Events::of_answer(older.post(&batch).open().unwrap());
    assert_eq!(events.filter(|event| event.json()["result"].is_object()).count(), 2);
    older.post(&json!([])).send().is(400);
}

#[test]
fn the_session_idle_longest_makes_room_for_another() {
    let ostler = Ostler::spawn();
    let first = session(&ostler, "ok");
    let kept = Legacy::begin(&first.caller, &first.path, LEGACY);
    for _ in 0..62 {
        Legacy::begin(&first.caller, &first.path, LEGACY);
    }
    kept.send(1, "ping", json!({})).is(200);
    first.send(1, "ping", json!({})).is(200);
    kept.send(2, "ping", json!({})).is(200);
    Legacy::begin(&first.caller, &first.path, LEGACY);
    first.send(2, "ping", json!({})).is(200);
    kept.send(3, "ping", json!({})).is(200);
}

#[test]
fn answers_to_questions_nobody_asked_are_taken_and_forgotten() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, "ok");
    session.post(&json!({"jsonrpc": "2.0", "id": 99, "result": {}})).send().is(202);
    session.post(&json!({"jsonrpc": "2.0", "id": "x", "error": {"code": -1, "message": "no"}})).send().is(202);
}

#[test]
fn the_sessions_of_an_account_end_with_it() {
    let ostler = Ostler::spawn();
    let (admin, user) = (ostler.admin(), ostler.user("executor"));
    let session = Legacy::begin(&user, "/mcp", LEGACY);
    let mut stream = session.listen("");
    let path = format!("/api/auth/users/{}", user.id);
    admin.put(&path, json!({"disabled": true})).is(200);
    admin.put(&path, json!({"disabled": false})).is(200);
    let again = Legacy { caller: user.log_in(&user.email, &user.password), ..session };
    again.send(2, "ping", json!({})).is(404);
    assert!(stream.all(|event| event.data.is_empty()), "it ends");

    let session = Legacy::begin(&again.caller, "/mcp", LEGACY);
    let mut stream = session.listen("");
    admin.delete(&path).is(204);
    assert!(stream.all(|event| event.data.is_empty()), "it ends");
}
