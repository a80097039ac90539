//! No process leaks, and nobody's crash is anybody else's problem.

use crate::support::{
    self,
    processes::{alive, descriptors, kill, zombies_of},
    *,
};

#[test]
fn a_server_killed_from_outside_comes_back_and_the_next_call_works() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let first = server.pid();
    kill(first);
    eventually("it is dead", || (!alive(first)).then_some(()));
    assert_eq!(server.call("echo", json!({"message": "again"})).is(200).said(), "again");
    let details = server.details().has("/runtimeStatus/restarts", 1).has("/runtimeStatus/lastExit/signal", 9);
    assert_ne!(details.number("/runtimeStatus/pid"), u64::from(first));
    assert!(details.at("/runtimeStatus/lastExit/reason").is_string());
}

#[test]
fn a_call_that_a_killed_server_never_read_is_answered_by_the_next_process() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let pid = server.pid();
    support::processes::signal(pid, rustix::process::Signal::STOP);
    eventually("it is stopped", || support::processes::suspended(pid).then_some(()));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("echo", json!({"message": "hello"})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        kill(pid);
        assert_eq!(call.join().unwrap().is(200).said(), "hello");
    });
    assert_eq!(server.logs().list("/items").len(), 1);
}

#[test]
fn killing_ostler_leaves_no_process_of_any_server() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    for mode in ["ok", "grandchild", "daemon", "ignores-term"] {
        admin.running(fake(mode).named(mode));
    }
    let linger = |ostler: &Ostler| ostler.processes().iter().any(|process| process.command.contains("linger"));
    assert!(linger(&ostler), "the daemon is there");
    ostler.kill();
    ostler.leaves_nothing();
}

#[test]
fn stopping_a_launcher_ends_the_server_behind_it() {
    stopping_leaves_nothing("grandchild");
}

#[test]
fn stopping_ends_daemons_that_left_the_session() {
    stopping_leaves_nothing("daemon");
}

#[test]
fn stopping_does_not_wait_for_pipes_that_a_daemon_holds_open() {
    stopping_leaves_nothing("daemon-with-pipes");
}

#[test]
fn a_dead_server_is_dead_though_a_daemon_of_its_holds_its_pipes_open() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("daemon-with-pipes"));
    let first = server.pid();
    kill(first);
    within(seconds(5), "another process serves", || {
        let details = server.details();
        let pid = details.json.pointer("/runtimeStatus/pid").and_then(Value::as_u64);
        pid.is_some_and(|pid| pid != u64::from(first)).then_some(())
    });
    server.call("echo", json!({"message": "x"})).is(200);
    let daemons = ostler.processes().into_iter().filter(|one| one.command.contains("linger")).count();
    assert_eq!(daemons, 1, "the first one's daemon is gone");
}

#[test]
fn what_bears_another_installations_mark_is_left_alone() {
    let mut ostler = Ostler::spawn();
    ostler.admin().running(fake("ok"));
    let other = uuid::Uuid::new_v4().to_string();
    let mut stranger = std::process::Command::new("sleep");
    let mut stranger = stranger.arg("60").env("OSTLER_INSTALLATION", other).spawn().unwrap();
    ostler.kill();
    ostler.start_again();
    assert!(stranger.try_wait().unwrap().is_none(), "a stranger was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_server_that_ignores_term_and_end_of_input_is_killed_in_time() {
    stopping_leaves_nothing("ignores-term");
}

fn stopping_leaves_nothing(mode: &str) {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake(mode));
    server.call("echo", json!({"message": "x"})).is(200);
    let (took, answer) = timed(|| server.stop());
    answer.is(200).has("/runtimeStatus/status", "stopped");
    assert!(took < seconds(7), "it took {took:?}");
    ostler.leaves_nothing();
}

#[test]
fn killing_the_launcher_ends_what_it_launched_before_a_new_one_starts() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("grandchild"));
    let old: Vec<_> = ostler.processes().into_iter().filter(|process| process.command.contains("hostile")).collect();
    assert_eq!(old.len(), 2, "a launcher and a server: {old:?}");
    let launcher = server.pid();
    kill(launcher);
    eventually("another runs", || {
        (server.details().at("/runtimeStatus/pid").as_u64()? != u64::from(launcher)).then_some(())
    });
    server.call("echo", json!({"message": "x"})).is(200);
    within(seconds(2), "the old ones are gone", || old.iter().all(|process| !alive(process.pid)).then_some(()));
}

#[test]
fn what_outlived_even_its_guard_is_swept_at_the_next_start() {
    let mut ostler = Ostler::spawn();
    ostler.admin().running(fake("daemon"));
    let all = ostler.processes();
    let (servers, guards): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.command.contains("hostile"));
    let daemon = servers.iter().find(|one| one.command.contains("linger")).unwrap().pid;
    for guard in &guards {
        support::processes::signal(guard.pid, rustix::process::Signal::STOP);
    }
    ostler.kill();
    for guard in &guards {
        kill(guard.pid);
    }
    assert!(alive(daemon), "something is left to sweep");
    ostler.start_again();
    within(seconds(5), "the leftovers are gone", || servers.iter().all(|one| !alive(one.pid)).then_some(()));
}

#[test]
fn a_killed_guard_takes_all_it_guarded_along_and_the_server_comes_back() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("daemon"));
    let (old, guards): (Vec<_>, Vec<_>) =
        ostler.processes().into_iter().partition(|one| one.command.contains("hostile"));
    assert!(old.iter().any(|one| one.command.contains("linger")), "the daemon is there");
    guards.iter().for_each(|guard| kill(guard.pid));
    within(seconds(2), "the old ones are gone", || old.iter().all(|one| !alive(one.pid)).then_some(()));
    eventually("a call works again", || (server.call("echo", json!({"message": "x"})).status == 200).then_some(()));
    server.details().has("/runtimeStatus/lastExit/reason", "was lost: its guard was killed by signal 9");
}

#[test]
fn a_server_that_keeps_crashing_is_left_down_and_says_why() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "2")]);
    let server = ostler.admin().register(fake("crash-at-start"));
    server.start().problem(500, "spawn_failed");
    server.becomes_healthwise("ERROR");
    let details = server.details().has("/runtimeStatus/status", "failed").has("/runtimeStatus/lastExit/code", 3);
    let lines = details.at("/runtimeStatus/lastExit/stderr").to_string();
    assert!(lines.contains("this is the last line"), "{details:?}");
    assert!(server.output().contains("crashing at start, as told"));
    ostler.leaves_nothing();

    let answer = server.start().problem(500, "spawn_failed");
    assert!(answer.text().contains("this is the last line"), "{answer:?}");
    server.call("echo", json!({})).problem(503, "server_unavailable");
}

#[test]
fn a_server_that_ends_without_a_word_is_not_ready() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let server = ostler.admin().register(fake("exit0"));
    let answer = server.start().problem(500, "spawn_failed");
    assert!(answer.text().contains("exited with code 0 before it was ready"), "{answer:?}");
    server.becomes_healthwise("ERROR");
    let details = server.details().has("/runtimeStatus/lastExit/code", 0);
    details.has("/runtimeStatus/lastExit/reason", "exited with code 0 before it was ready");
}

#[test]
fn a_missing_program_fails_at_once_and_for_good() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(Spec::new("/no/such/program", json!([])));
    let (took, answer) = timed(|| server.start());
    let answer = answer.problem(500, "spawn_failed");
    assert!(answer.text().to_lowercase().contains("no such file"), "{answer:?}");
    assert!(took < seconds(2), "it took {took:?}");
    assert_eq!((server.status().as_str(), server.health().as_str()), ("failed", "ERROR"));
}

#[test]
fn a_program_that_may_not_be_executed_fails_at_once() {
    let ostler = Ostler::spawn();
    let file = ostler.setup.servers_dir().join("plain.txt");
    std::fs::write(&file, "just text").unwrap();
    let server = ostler.admin().register(Spec::new(file.to_str().unwrap(), json!([])));
    let answer = server.start().problem(500, "spawn_failed");
    assert!(answer.text().contains("is not executable: allow that by `chmod +x`"), "{answer:?}");
}

#[test]
fn sigterm_lets_calls_under_way_finish_and_ends_everything() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 1500})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        ostler.signal(rustix::process::Signal::TERM);
        within(seconds(1), "it says that it is not ready", || {
            let asked = ostler.anonymous().ask("GET", "/readyz").open().and_then(|mut exchange| exchange.head());
            (!matches!(asked, Ok((200, _)))).then_some(())
        });
        assert_eq!(call.join().unwrap().is(200).said(), "slept");
    });
    assert_eq!(ostler.exited().code(), Some(0));
    ostler.leaves_nothing();
    ostler.start_again();
    assert_eq!(server.seen_by(&ostler.admin()).logs().list("/items").len(), 1);
}

#[test]
fn an_idle_ostler_ends_soon_when_asked_to() {
    let mut ostler = Ostler::spawn();
    ostler.admin().running(fake("ok"));
    let (took, status) = timed(|| ostler.terminate());
    assert_eq!(status.code(), Some(0));
    assert!(took < seconds(7), "it took {took:?}");
    ostler.leaves_nothing();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = json!({"toolName": "hang"});
    let exchange = server.caller.ask("POST", &server.path("/execute")).json(&body).open().unwrap();
    eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
    ostler.signal(rustix::process::Signal::TERM);
    // A signal that is still pending swallows the next of its kind.
    eventually("the first is noticed", || {
        let asked = ostler.anonymous().ask("GET", "/readyz").open().and_then(|mut exchange| exchange.head());
        (!matches!(asked, Ok((200, _)))).then_some(())
    });
    let (took, _) = timed(|| ostler.terminate());
    assert!(took < seconds(5), "it took {took:?}");
    drop(exchange);
    ostler.leaves_nothing();
}

#[test]
fn restarting_over_and_over_leaks_neither_processes_nor_descriptors() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    server.restart().is(200);
    let before = descriptors(ostler.pid()).len();
    for _ in 0..15 {
        server.restart().is(200).has("/runtimeStatus/status", "running");
    }
    eventually("descriptors are back to where they were", || {
        (descriptors(ostler.pid()).len() <= before + 3).then_some(())
    });
    assert_eq!(zombies_of(ostler.pid()), 0);
    let servers = ostler.processes().into_iter().filter(|one| one.command.contains("hostile")).count();
    assert_eq!(servers, 1);
}

#[test]
fn a_server_that_floods_standard_error_before_it_speaks_is_heard() {
    for mode in ["stderr-flood", "stderr-no-newline"] {
        let ostler = Ostler::spawn();
        let before = support::processes::resident_kib(ostler.pid());
        let server = ostler.admin().running(fake_with(mode, &["16000000"]));
        server.call("echo", json!({"message": "x"})).is(200);
        let grown = support::processes::resident_kib(ostler.pid()).saturating_sub(before);
        assert!(grown < 48 * 1024, "memory grew by {grown} KiB under {mode}");
        assert!(server.output().len() < 8 * 1024 * 1024);
    }
}

#[test]
fn a_server_that_closes_its_output_is_as_good_as_dead() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("closes-stdout"));
    let (took, answer) = timed(|| server.call("close", json!({})));
    answer.problem(503, "server_unavailable");
    assert!(took < seconds(3), "it took {took:?}");
    eventually("it is back", || (server.call("echo", json!({"message": "x"})).status == 200).then_some(()));
}

#[test]
fn a_server_that_stops_reading_hurts_only_itself() {
    let ostler = Ostler::spawn();
    let deaf = ostler.admin().running(fake("ok").named("deaf"));
    let other = ostler.admin().running(fake("ok").named("other"));
    deaf.call("stop-reading", json!({})).is(200);
    let big = "x".repeat(500_000);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| deaf.call_within("echo", json!({"message": big}), 1_000));
        let (took, answer) = timed(|| other.call("echo", json!({"message": "fine"})));
        answer.is(200);
        assert!(took < seconds(1), "it took {took:?}");
        stuck.join().unwrap().problem(504, "call_timeout");
    });
    deaf.stop().is(200);
    ostler.admin().get("/readyz").is(200);
}

#[test]
fn a_server_that_never_answers_can_be_stopped_while_it_starts() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("never-ready").enabled());
    server.becomes("starting");
    server.stop().is(200).has("/runtimeStatus/status", "stopped");
    ostler.leaves_nothing();
}
