//! Sessions are taken up again after their Ostler has ended, and those that have ended are not.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::{
    backends::on_both_databases,
    mcp::{LEGACY, Legacy},
    *,
};

/// Kills Ostler and starts it again on the same data; the session goes on where it is now.
#[track_caller]
fn killed_and_started(ostler: &mut Ostler, sessions: &mut [&mut Legacy]) {
    ostler.kill();
    ostler.start_again();
    for session in sessions {
        session.caller.address = ostler.address;
    }
}

on_both_databases! {
    fn a_session_outlives_its_ostler(setup: Setup) {
        let mut ostler = setup.spawn();
        let server = ostler.admin().running(fake("ok").enabled());
        let colleague = ostler.admin().make_user("colleague", "admin");
        let mut one = Legacy::begin(&server.caller, &format!("/mcp/{}", server.id), "2025-06-18");
        let mut all = Legacy::begin(&server.caller, "/mcp", LEGACY);
        killed_and_started(&mut ostler, &mut [&mut one, &mut all]);
        assert_eq!(one.call(7, "echo", json!({"message": "hay"})).is(200).said(), "hay");
        all.send(8, "tools/list", json!({})).is(200).has("/id", 8);
        // It is still its user's, at its own address.
        Legacy { path: "/mcp".into(), ..one.clone() }.send(1, "ping", json!({})).is(404);
        let stranger = Caller { address: ostler.address, ..colleague };
        Legacy { caller: stranger, ..one.clone() }.send(1, "ping", json!({})).is(404);
        one.notify("notifications/cancelled", json!({"requestId": 7})).is(202);
        // Streams of before are lost: there is another about no request, and none that would have had an answer.
        assert!(all.listen("3-5").next().is_some());
        all.at("GET").header("Accept", "text/event-stream").header("Last-Event-ID", "2-5").send().is(400);
    }

    fn a_session_that_has_ended_stays_so(setup: Setup) {
        let mut ostler = setup.spawn();
        let user = ostler.user("executor");
        let (mut left, mut closed) = (Legacy::begin(&user, "/mcp", LEGACY), Legacy::begin(&user, "/mcp", LEGACY));
        left.end().any_of(&[200, 204]);
        killed_and_started(&mut ostler, &mut [&mut left, &mut closed]);
        left.send(1, "ping", json!({})).is(404);
        closed.send(2, "ping", json!({})).is(200);
        killed_and_started(&mut ostler, &mut [&mut left, &mut closed]);
        let path = format!("/api/auth/users/{}", user.id);
        ostler.admin().put(&path, json!({"disabled": true})).is(200);
        ostler.admin().put(&path, json!({"disabled": false})).is(200);
        closed.caller = closed.caller.log_in(&user.email, &user.password);
        closed.send(3, "ping", json!({})).is(404);
    }
}

#[test]
fn a_session_that_made_room_for_others_is_taken_up_again() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let first = Legacy::begin(&admin, "/mcp", LEGACY);
    let second = Legacy::begin(&admin, "/mcp", LEGACY);
    for _ in 0..64 {
        Legacy::begin(&admin, "/mcp", LEGACY);
    }
    first.send(2, "ping", json!({})).is(200);
    second.end().any_of(&[200, 204]);
    second.send(3, "ping", json!({})).is(404);
}

#[test]
fn a_client_does_not_wait_for_its_row_until_a_locked_database_has_refused_it() {
    let ostler = Ostler::spawn();
    let session = Legacy::begin(&ostler.admin(), "/mcp", LEGACY);
    let mut other = SqliteConnection::establish(ostler.setup.database_file().to_str().unwrap()).unwrap();
    other.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
    session.send(2, "logging/setLevel", json!({"level": "error"})).is(200).has("/result", json!({}));
    let errors = ostler.errors();
    assert!(!errors.contains("session could not be kept"), "{errors}");
    other.batch_execute("ROLLBACK").unwrap();
}
