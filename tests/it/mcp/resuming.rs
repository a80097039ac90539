//! Streams of the older era: a client may leave one and come back to it.

use crate::support::{
    events::Events,
    mcp::{LEGACY, Legacy, Modern},
    *,
};

#[track_caller]
fn session(ostler: &Ostler, version: &str) -> Legacy {
    let server = ostler.admin().running(fake("ok"));
    Legacy::begin(&server.caller, &format!("/mcp/{}", server.id), version)
}

/// A call that says something at once, and its answer after so many milliseconds.
fn slow_call(session: &Legacy, id: u64, milliseconds: u64) -> Events {
    let arguments = json!({"steps": 2, "ms": milliseconds / 2});
    let params = json!({"name": "progress", "arguments": arguments, "_meta": {"progressToken": id}});
    Events::of_answer(session.ask(id, "tools/call", params).open().unwrap())
}

#[test]
fn a_client_of_the_newest_revision_is_told_at_once_how_to_come_back() {
    let ostler = Ostler::spawn();
    let events: Vec<_> = slow_call(&session(&ostler, LEGACY), 1, 100).collect();
    assert_eq!((events[0].data.as_str(), events[0].id.is_empty()), ("", false), "{events:?}");
    assert!(events.iter().skip(1).all(|event| !event.id.is_empty() && event.data.starts_with('{')), "{events:?}");
    assert_eq!(events.last().unwrap().json()["id"], 1);
    // Older clients would take an event without data for a message.
    let events: Vec<_> = slow_call(&session(&ostler, "2025-06-18"), 1, 100).collect();
    assert!(events.iter().all(|event| event.data.starts_with('{')), "{events:?}");
}

#[test]
fn hanging_up_loses_nothing_that_is_asked_for_again() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, LEGACY);
    let mut events = slow_call(&session, 5, 1000);
    let first = events.find(|event| !event.data.is_empty());
    assert_eq!(first.json()["params"]["progressToken"], 5, "{first:?}");
    drop(events);
    let rest: Vec<_> = session.listen(&first.id).filter(|event| !event.data.is_empty()).collect();
    assert_eq!(rest.last().unwrap().json()["id"], 5, "{rest:?}");
    assert!(rest.iter().all(|event| event.id != first.id), "{rest:?}");
    // The same once more: what was said is kept after its end.
    let again: Vec<_> = session.listen(&first.id).filter(|event| !event.data.is_empty()).collect();
    assert_eq!(again, rest);
    session
        .at("GET")
        .header("Accept", "text/event-stream")
        .header("Last-Event-ID", &rest.last().unwrap().id)
        .send()
        .is(204);
}

/// Claims that a stream ends. Before, it may hear that the server, which has just started, lists something.
#[track_caller]
fn ends(mut stream: Events) {
    assert!(stream.all(|event| event.data.contains("list_changed")));
}

#[test]
fn the_standalone_stream_has_one_reader_and_ends_with_the_session() {
    let ostler = Ostler::spawn();
    let session = session(&ostler, LEGACY);
    let mut first = session.listen("");
    assert!(!first.next().unwrap().id.is_empty());
    let mut second = session.listen("");
    assert!(!second.next().unwrap().id.is_empty());
    ends(first);
    session.at("GET").header("Accept", "application/json").send().is(406);
    session.end().any_of(&[200, 204]);
    ends(second);
    session.at("GET").header("Accept", "text/event-stream").send().is(404);
}

#[test]
fn an_ostler_that_stops_ends_the_streams() {
    let mut ostler = Ostler::spawn();
    let session = session(&ostler, LEGACY);
    let mut stream = session.listen("");
    assert!(stream.next().is_some());
    ostler.signal(rustix::process::Signal::TERM);
    ends(stream);
    assert!(ostler.exited().success());
}

#[test]
fn a_key_that_is_revoked_hears_no_more() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let made = ostler.admin().post("/api/auth/keys", json!({"name": "brief", "permissions": ["mcp:read"]})).is(201);
    let holder = ostler.admin().with_token(&caller::secret_of(&made));
    let path = format!("/mcp/{}", server.id);
    let mut stream = Legacy::begin(&holder, &path, LEGACY).listen("");
    assert!(stream.next().is_some());
    let listen = json!({"notifications": {"toolsListChanged": true}});
    let mut listening =
        Events::of_answer(Modern::new(&holder, &path).ask("subscriptions/listen", listen).open().unwrap());
    assert!(listening.next().is_some());
    let keys = ostler.admin().get("/api/auth/keys").is(200);
    let key = keys.list("/items").iter().find(|key| key["name"] == "brief").unwrap();
    ostler.admin().delete(&format!("/api/auth/keys/{}", key["id"].as_str().unwrap())).any_of(&[200, 204]);
    ends(stream);
    // It too may hear of a list before.
    let last = std::iter::from_fn(|| listening.next()).last().unwrap();
    assert_eq!(last.json()["error"]["code"], 401);
}
