//! Lines on the way: stray ones, long ones, half ones, floods of them, and those that nobody reads.

use crate::support::{
    processes::{peak_kib, resident_kib},
    *,
};

#[test]
fn lines_that_are_no_messages_are_counted_and_the_session_goes_on() {
    for mode in ["garbage-banner", "stray-lines", "pretty-json"] {
        let ostler = Ostler::spawn();
        let server = ostler.admin().running(fake(mode));
        assert_eq!(server.call("echo", json!({"message": "still here"})).is(200).said(), "still here", "{mode}");
        let details = server.details().has("/runtimeStatus/restarts", 0);
        assert!(details.number("/runtimeStatus/strayLines") >= 4, "{details:?}");
    }
}

#[test]
fn half_a_line_and_then_death_is_an_error_at_once() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("half-line-then-die"));
    let (took, answer) = timed(|| server.call("echo", json!({"message": "x"})));
    answer.problem(503, "server_unavailable");
    assert!(took < seconds(1), "it took {took:?}");
    server.logs().has("/items/0/success", false);
    server.becomes("running");
}

#[test]
fn fifteen_megabytes_pass_in_either_direction() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let answer = server.call("big", json!({"bytes": 15_000_000})).is(200);
    assert_eq!(answer.said().len(), 15_000_000);
    let text = "y".repeat(3_500_000);
    assert_eq!(server.call("echo", json!({"message": text})).is(200).said(), text);
}

#[test]
fn a_line_without_end_costs_the_call_and_bounded_memory() {
    let ostler = Ostler::spawn();
    let other = ostler.admin().running(fake("ok").named("other"));
    let before = resident_kib(ostler.pid());
    let server = ostler.admin().running(fake_with("huge-line", &["200000000"]));
    let answer = server.call("echo", json!({"message": "x"}));
    assert!([400, 503].contains(&answer.status), "{answer:?}");
    let grown = resident_kib(ostler.pid()).saturating_sub(before);
    assert!(grown < 96 * 1024, "memory grew by {grown} KiB");
    other.call("echo", json!({"message": "x"})).is(200);
    server.logs().has("/items/0/success", false);
}

#[test]
fn the_unfinished_lines_of_all_servers_share_one_budget_and_cost_no_honest_line() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let honest = admin.running(fake("ok").named("honest"));
    let hostile = together(40, |number| admin.running(fake("ok").named(&format!("hostile-{number}"))));
    let before = resident_kib(ostler.pid());
    let grown = |now: u64| now.saturating_sub(before) >> 10;
    for answer in together(40, |number| hostile[number].call_within("unfinished", json!({"bytes": 15_900_000}), 3000)) {
        answer.problem(504, "call_timeout");
    }
    for server in &hostile {
        let output = format!("/api/mcp/{}/output", server.id);
        let is_silent = || admin.get(&output).is(200).text().contains("written").then_some(());
        within(seconds(60), "it has written all it has", is_silent);
    }
    let (held, most) = (grown(resident_kib(ostler.pid())), grown(peak_kib(ostler.pid())));
    assert!(most < 120, "memory grew by up to {most} MiB");
    assert!(held > 32, "nothing was held: {held} MiB");
    for _ in 0..3 {
        assert_eq!(honest.call("big", json!({"bytes": 10_000_000})).is(200).said().len(), 10_000_000);
    }
    drop(together(40, |number| hostile[number].stop().is(200)));
    within(seconds(20), "memory is back", || (grown(resident_kib(ostler.pid())) < 32).then_some(()));
    eprintln!("40 servers: {held} MiB held, {most} MiB at most, {} MiB in the end", grown(resident_kib(ostler.pid())));
}

#[test]
fn a_flood_of_notifications_does_not_slow_other_servers() {
    let ostler = Ostler::spawn();
    let flooding = ostler.admin().running(fake_with("notify-flood", &["50000"]).named("flooding"));
    let quiet = ostler.admin().running(fake("ok").named("quiet"));
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flooding.call("echo", json!({"message": "x"})));
        let (took, _) = timed(|| (0..10).for_each(|_| drop(quiet.call("echo", json!({"message": "x"})).is(200))));
        assert!(took < seconds(5), "ten calls took {took:?}");
        flood.join().unwrap().is(200);
    });
}

#[test]
fn a_server_has_only_so_many_calls_in_flight_and_refuses_the_rest_at_once() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let answers = together(300, |_| timed(|| server.call("sleep", json!({"ms": 2_000}))));
    let refused: Vec<_> = answers.iter().filter(|(_, answer)| answer.status != 200).collect();
    assert!(!refused.is_empty() && refused.len() < 300, "{} of 300 were refused", refused.len());
    for (_, answer) in &refused {
        assert!([429, 503].contains(&answer.status), "{answer:?}");
    }
}

#[test]
fn what_a_server_does_not_read_costs_bounded_memory() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("stop-reading", json!({})).is(200);
    let before = resident_kib(ostler.pid());
    let text = "x".repeat(3 << 20);
    for _ in 0..6 {
        for answer in together(8, |_| server.call_within("echo", json!({"message": text}), 200)) {
            answer.any_of(&[503, 504]);
        }
    }
    let grown = resident_kib(ostler.pid()).saturating_sub(before);
    assert!(grown < 128 * 1024, "memory grew by {grown} KiB");
    let answer = server.call("echo", json!({"message": text})).problem(503, "server_unavailable");
    assert!(answer.text().contains("does not read"), "{answer:?}");
}
