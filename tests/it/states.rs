//! Commands to a server in every state it can be in, and the end of Ostler with servers in all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{
    processes::{kill, tagged},
    *,
};

/// A server in each state, by name; each is as it says when this returns.
fn one_in_each_state(ostler: &Ostler) -> Vec<(&'static str, Server)> {
    let admin = ostler.admin();
    let never_started = admin.register(fake("ok").named("never started"));
    let running = admin.running(fake("ok").named("running"));
    let stopped = admin.running(fake("ok").named("stopped"));
    stopped.stop().is(200);
    let starting = admin.register(fake("never-ready").named("starting").enabled());
    starting.becomes("starting");
    let impossible = admin.register(Spec::new("/no/such/program", json!([])).named("impossible").enabled());
    impossible.becomes("failed");
    let waiting = admin.register(fake("crash-at-start").named("waiting").enabled());
    eventually("it waits for its next attempt", || {
        waiting.details().at("/runtimeStatus").get("nextAttemptAt").is_some_and(Value::is_string).then_some(())
    });
    vec![
        ("never started", never_started),
        ("running", running),
        ("stopped", stopped),
        ("starting", starting),
        ("impossible", impossible),
        ("waiting", waiting),
    ]
}

/// Restarts enough that a server that keeps crashing is found waiting, not given up.
fn patient() -> Ostler {
    Ostler::with(&[("MCP_MAX_RETRIES", "0")])
}

#[test]
fn a_stop_is_obeyed_in_every_state() {
    let ostler = patient();
    let servers = one_in_each_state(&ostler);
    let answers = together(servers.len(), |index| timed(|| servers[index].1.stop()));
    for ((state, server), (took, answer)) in servers.iter().zip(answers) {
        assert!(took < seconds(7), "{state}: it took {took:?}");
        answer.is(200).has("/runtimeStatus/status", "stopped").lacks("/runtimeStatus/nextAttemptAt");
        server.stop().is(200).has("/runtimeStatus/status", "stopped");
    }
    ostler.leaves_nothing();
}

#[test]
fn a_removal_is_obeyed_in_every_state() {
    let ostler = patient();
    let servers = one_in_each_state(&ostler);
    for (_, server) in &servers {
        server.remove().is(204);
        server.details().problem(404, "server_not_found");
    }
    within(seconds(7), "nothing is left", || ostler.processes().is_empty().then_some(()));
    assert!(ostler.admin().get("/api/mcp").is(200).list("/items").is_empty());
}

#[test]
fn a_restart_is_a_start_in_every_state() {
    let ostler = patient();
    for (state, server) in one_in_each_state(&ostler) {
        match state {
            "never started" | "running" | "stopped" => {
                server.restart().is(200).has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
            }
            "impossible" | "waiting" => drop(server.restart().problem(500, "spawn_failed")),
            _ => {
                // What is starting is as fresh as a restart could make it: it is waited for. The first stop may come
                // first.
                std::thread::scope(|scope| {
                    let restart = scope.spawn(|| server.restart());
                    while !restart.is_finished() {
                        server.stop().is(200);
                    }
                    restart.join().unwrap().problem(503, "server_unavailable");
                });
            }
        }
    }
}

#[test]
fn commands_to_a_server_that_is_not_there_say_so() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().server(&uuid::Uuid::now_v7().to_string());
    for verb in ["/start", "/stop", "/restart"] {
        server.caller.press(&server.path(verb)).problem(404, "server_not_found");
    }
    server.call("echo", json!({})).problem(404, "server_not_found");
    server.tools().problem(404, "server_not_found");
    server.change(json!({"name": "x"})).problem(404, "server_not_found");
    server.remove().problem(404, "server_not_found");
}

#[test]
fn a_deaf_server_is_seen_stopping_until_it_is_gone() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ignores-term"));
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| timed(|| server.stop()));
        server.becomes("stopping");
        server.call("echo", json!({})).problem(503, "server_unavailable");
        let (took, answer) = stop.join().unwrap();
        answer.is(200).has("/runtimeStatus/status", "stopped");
        assert!(took > millis(4_900) && took < seconds(7), "it took {took:?}");
    });
    ostler.leaves_nothing();
}

#[test]
fn a_start_while_it_stops_starts_it_once_the_old_process_is_gone() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("slow-stop", &["1200"]));
    let old = server.pid();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        server.becomes("stopping");
        server.start().is(200).has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
        stop.join().unwrap().is(200);
    });
    let servers: Vec<_> = ostler.processes().into_iter().filter(|one| one.command.contains("hostile")).collect();
    assert!(servers.len() == 1 && servers[0].pid != old, "{servers:?}");
}

#[test]
fn a_server_that_dies_while_it_is_stopped_is_stopped() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("slow-stop", &["60000"]));
    let pid = server.pid();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| timed(|| server.stop()));
        server.becomes("stopping");
        kill(pid);
        let (took, answer) = stop.join().unwrap();
        answer.is(200).has("/runtimeStatus/status", "stopped").has("/runtimeStatus/restarts", 0);
        assert!(took < seconds(2), "it took {took:?}");
    });
    assert_eq!(server.health(), "STOPPED");
}

#[test]
fn failures_are_counted_exactly_and_starts_by_hand_are_none() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "2")]);
    let file = ostler.setup.servers_dir().join("starts");
    let script = format!("echo started >> {}; exit 1", file.display());
    let starts = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    let failing = ostler.admin().register(Spec::new("sh", json!(["-c", script])).uncontained());
    for round in 1..=2 {
        failing.start().problem(500, "spawn_failed");
        failing.becomes("failed");
        failing.details().has("/runtimeStatus/restarts", 2);
        // The first process may have ended because it was asked what it does not know: it gets a second chance.
        assert_eq!(starts(), round * 4);
    }
    let well = ostler.admin().register(fake("ok"));
    for _ in 0..6 {
        well.start().is(200);
        well.stop().is(200);
    }
    well.start().is(200).has("/runtimeStatus/restarts", 0);
}

#[test]
fn ostler_ends_in_time_whatever_its_servers_are_about() {
    let mut ostler = patient();
    let (_states, tag) = (one_in_each_state(&ostler), ostler.setup.tag.clone());
    let admin = ostler.admin();
    admin.running(fake("ignores-term").named("deaf"));
    let dying: Vec<_> =
        (0..4).map(|number| admin.running(fake("ok").named(&format!("dying {number}"))).pid()).collect();
    let quick: Vec<_> =
        (0..4).map(|number| admin.running(fake("ok").named(&format!("quick {number}"))).pid()).collect();
    ostler.signal(rustix::process::Signal::TERM);
    dying.into_iter().for_each(kill);
    within(millis(2_500), "those that obey wait for nobody", || {
        let left = tagged(&tag);
        quick.iter().all(|pid| left.iter().all(|one| one.pid != *pid)).then_some(())
    });
    let (took, status) = timed(|| ostler.exited());
    assert_eq!(status.code(), Some(0));
    assert!(took < seconds(7), "it took {took:?}");
    ostler.leaves_nothing();
}

#[test]
fn what_was_given_up_obeys_as_well() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let given_up = |name: &str| {
        let server = ostler.admin().register(fake("crash-at-start").named(name).enabled());
        server.becomes("failed");
        server.details().has("/runtimeStatus/restarts", 1);
        server
    };
    let [stopped, restarted, removed] = ["stopped", "restarted", "removed"].map(given_up);
    stopped.stop().is(200).has("/runtimeStatus/status", "stopped").lacks("/runtimeStatus/nextAttemptAt");
    restarted.restart().problem(500, "spawn_failed");
    removed.remove().is(204);
    removed.details().problem(404, "server_not_found");
    restarted.becomes("failed");
    restarted.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn what_is_commanded_while_ostler_ends_leaves_nothing_behind() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    let servers: Vec<_> = (0..4).map(|number| admin.running(fake("ok").named(&format!("number {number}")))).collect();
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (number, server) in servers.iter().enumerate() {
            for verb in ["start", "restart", "stop", "restart"] {
                let asked = &asked;
                scope.spawn(move || {
                    let path = server.path(&format!("/{verb}"));
                    while server.caller.ask("POST", &path).try_send().is_ok() {
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let admin = &admin;
            scope.spawn(move || {
                let body = fake_with("slow-start", &["300"]).named(&format!("new {number}")).enabled();
                let body = body.env("TEST_TAG", &admin.tag).body;
                while admin.ask("POST", "/api/mcp").json(&body).try_send().is_ok() {}
            });
        }
        eventually("they are at it", || (asked.load(Ordering::Relaxed) > 20).then_some(()));
        let (took, status) = timed(|| ostler.terminate());
        assert!(status.code() == Some(0) && took < seconds(15), "{status:?} after {took:?}");
        assert!(ostler.processes().is_empty(), "it did not wait for {:#?}", ostler.processes());
    });
}
