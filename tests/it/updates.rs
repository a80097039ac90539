//! Changing a server while it is used.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{backends::on_both_databases, *};

#[test]
fn a_change_under_load_loses_no_call() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let first = server.pid();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let (server, done) = (&server, &done);
                scope.spawn(move || {
                    let mut calls = 0;
                    while !done.load(Ordering::Relaxed) {
                        let message = format!("{caller}-{calls}");
                        let answer = server.call("echo", json!({"message": message, "ms": 20})).is(200);
                        assert_eq!(answer.said(), message);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 0..3 {
            server.change(json!({"args": ["ok", format!("round-{round}")]})).is(200);
            eventually("the new process has taken over", || {
                let new = ostler.processes().into_iter().any(|one| one.command.contains(&format!("round-{round}")));
                (new && server.status() == "running").then_some(())
            });
        }
        done.store(true, Ordering::Relaxed);
        let calls: u32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
        assert!(calls > 10, "only {calls} calls were made");
    });
    assert_ne!(server.pid(), first);
    within(seconds(10), "the old ones are gone", || {
        let left = ostler.processes().into_iter().filter(|one| one.command.contains("hostile")).count();
        (left == 1).then_some(())
    });
}

#[test]
fn a_call_under_way_ends_on_the_process_it_began_on() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| server.call("sleep", json!({"ms": 2_000})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        server.change(json!({"args": ["ok", "second"]})).is(200);
        assert_eq!(server.call("echo", json!({"message": "x"})).is(200).said(), "x");
        assert_eq!(slow.join().unwrap().is(200).said(), "slept");
    });
}

#[test]
fn new_words_for_a_server_need_no_new_process() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    server.change(json!({"name": "renamed"})).is(200);
    let pid = server.pid();
    server.change(json!({"description": "only words"})).is(200);
    assert_eq!(server.pid(), pid, "words need no new process");
    server.details().has("/server/name", "renamed").has("/server/description", "only words");
}

#[test]
fn fields_left_out_of_a_change_stay_as_they_are() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok").env("KEY", "value-of-the-key").set("description", json!("words")));
    server.change(json!({"name": "another"})).is(200);
    let after = server.details().is(200).has("/server/name", "another").has("/server/description", "words");
    let after = after.has("/server/args/0", "ok").has("/server/enabled", false);
    assert!(after.at("/server/env/KEY").is_string());
    server.change(json!({"description": null})).is(200);
    server.details().lacks("/server/description").has("/server/name", "another");
}

#[test]
fn switching_a_server_on_or_off_starts_or_stops_it() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    server.change(json!({"enabled": true})).is(200);
    server.becomes("running");
    server.change(json!({"enabled": false})).is(200);
    server.becomes("stopped");
    ostler.leaves_nothing();
}

#[test]
fn a_change_that_is_refused_leaves_everything_as_it_was() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let (pid, before) = (server.pid(), server.details().at("/server").clone());
    server.change(json!({"args": ["other"], "env": {"LD_PRELOAD": "x.so"}})).is(422);
    server.change(json!({"args": ["other"], "command": ""})).is(422);
    server.change(json!({"args": ["other"], "colour": "blue"})).is(422);
    assert_eq!((server.pid(), server.details().at("/server")), (pid, &before));
    server.restart().is(200);
    assert_eq!(server.details().at("/server/args"), &json!(["ok"]));
}

on_both_databases! {
    fn a_change_based_on_an_old_state_is_refused(setup: Setup) {
        let ostler = setup.spawn();
        let server = ostler.admin().register(fake("ok"));
        let before = server.details().header("etag").expect("an ETag").to_owned();
        let change = |tag: &str, name: &str| {
            let ask = server.caller.ask("PUT", &server.path("")).header("If-Match", tag);
            ask.json(&json!({"name": name})).send()
        };
        change(&before, "first").is(200);
        change(&before, "second").is(412);
        let now = server.details().has("/server/name", "first").header("etag").unwrap().to_owned();
        assert_ne!(now, before);
        change(&now, "third").is(200);
        change("*", "fourth").is(200);
    }
}

#[test]
fn counting_calls_does_not_change_what_a_client_edits() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let before = server.details().header("etag").map(str::to_owned);
    server.call("echo", json!({"message": "x"})).is(200);
    assert_eq!(server.details().header("etag").map(str::to_owned), before);
}
