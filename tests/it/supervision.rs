//! One process per server, in the state that was last asked for, whoever asks and whenever.

use crate::support::{processes::kill, server::hostile_server, *};

fn fakes(ostler: &Ostler) -> usize {
    ostler.processes().into_iter().filter(|process| process.command.contains("hostile")).count()
}

#[test]
fn twenty_restarts_at_once_leave_one_process() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    for answer in together(20, |_| server.restart()) {
        answer.is(200).has("/runtimeStatus/status", "running");
    }
    within(seconds(3), "one process is there", || (fakes(&ostler) == 1).then_some(()));
    server.call("echo", json!({"message": "x"})).is(200);
}

#[test]
fn a_program_that_was_there_is_waited_for_until_another_one_takes_its_place() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "0")]);
    let [program, away] = ["program", "away"].map(|name| ostler.setup.home.join(name));
    std::fs::write(&program, "#!/bin/sh\nexec \"$FAKE\" ok\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let spec = Spec::new(program.to_str().unwrap(), json!([])).env("FAKE", hostile_server().to_str().unwrap());
    let server = ostler.admin().running(spec);
    server.stop().is(200);
    std::fs::rename(&program, &away).unwrap();
    for change in [json!({"name": "renamed", "description": "x"}), json!({"startTimeoutMs": 90_000})] {
        server.change(change).is(200);
        server.start().problem(500, "spawn_failed");
        server.becomes("restarting");
    }
    std::fs::rename(&away, &program).unwrap();
    server.start().is(200);
    server.stop().is(200);
    server.change(json!({"command": away})).is(200);
    server.start().problem(500, "spawn_failed");
    server.becomes("failed");
}

#[test]
fn twenty_starts_at_once_make_one_process() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake_with("slow-start", &["200"]));
    for answer in together(20, |_| server.start()) {
        answer.is(200).has("/runtimeStatus/status", "running");
    }
    assert_eq!(fakes(&ostler), 1);
    server.details().has("/runtimeStatus/restarts", 0);
}

#[test]
fn whatever_is_asked_in_whatever_order_the_last_word_holds() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let verbs = ["start", "stop", "restart", "stop", "start"];
    together(25, |index| drop(server.caller.press(&server.path(&format!("/{}", verbs[index % 5])))));
    assert!(fakes(&ostler) <= 1);
    server.stop().is(200).has("/runtimeStatus/status", "stopped");
    ostler.leaves_nothing();
    server.start().is(200).has("/runtimeStatus/status", "running");
    assert_eq!(fakes(&ostler), 1);
}

#[test]
fn a_stop_during_a_start_wins() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake_with("slow-start", &["20000"]));
    std::thread::scope(|scope| {
        let start = scope.spawn(|| server.start());
        server.becomes("starting");
        let (took, answer) = timed(|| server.stop());
        answer.is(200).has("/runtimeStatus/status", "stopped");
        assert!(took < seconds(7), "it took {took:?}");
        let (waited, answer) = timed(|| start.join().unwrap());
        assert!(waited < seconds(1) && answer.status >= 400, "{answer:?}");
    });
    ostler.leaves_nothing();
    assert_eq!(server.health(), "STOPPED");
}

#[test]
fn a_removal_during_a_call_ends_both() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 20_000})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        server.remove().is(204);
        server.details().problem(404, "server_not_found");
        let (waited, answer) = timed(|| call.join().unwrap());
        assert!(waited < seconds(7), "the call waited {waited:?}");
        assert!([404, 503].contains(&answer.status), "{answer:?}");
    });
    within(seconds(7), "its process is gone", || (fakes(&ostler) == 0).then_some(()));
}

#[test]
fn a_removed_server_is_never_brought_back() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok").enabled());
    server.becomes("running");
    kill(server.pid());
    server.remove().is(204);
    within(seconds(7), "its process is gone", || (fakes(&ostler) == 0).then_some(()));
    ostler.kill();
    ostler.start_again();
    assert_eq!(ostler.admin().get("/api/mcp").is(200).list("/items").len(), 0);
    assert_eq!(fakes(&ostler), 0);
}

#[test]
fn a_call_that_arrives_while_the_server_starts_waits_for_it() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake_with("slow-start", &["700"]).enabled());
    let (took, answer) = timed(|| server.call("echo", json!({"message": "patience"})));
    assert_eq!(answer.is(200).said(), "patience");
    assert!(took >= millis(300), "it cannot have started in {took:?}");
}

#[test]
fn a_call_that_waits_for_a_start_does_so_inside_its_deadline() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake_with("slow-start", &["10000"]).enabled());
    let (took, answer) = timed(|| server.call_within("echo", json!({"message": "x"}), 400));
    answer.any_of(&[503, 504]);
    assert!(took < seconds(2), "it took {took:?}");
}

#[test]
fn a_call_in_flight_fails_the_moment_its_server_dies() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 20_000})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        kill(server.pid());
        let (took, answer) = timed(|| call.join().unwrap());
        answer.problem(503, "server_unavailable");
        assert!(took < seconds(1), "it took {took:?}");
    });
    server.logs().has("/items/0/success", false).has("/items/0/toolName", "sleep");
}

#[test]
fn without_restarts_a_dead_server_stays_down() {
    let ostler = Ostler::with(&[("MCP_AUTO_RESTART", "false")]);
    let server = ostler.admin().running(fake("ok"));
    kill(server.pid());
    server.becomes("failed");
    server.details().has("/server/healthStatus", "ERROR").has("/runtimeStatus/lastExit/signal", 9);
    server.call("echo", json!({})).problem(503, "server_unavailable");
    server.start().is(200).has("/runtimeStatus/status", "running");
}

#[test]
fn a_server_between_two_attempts_says_when_the_next_is_due() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "9")]);
    let server = ostler.admin().register(fake("crash-at-start").enabled());
    eventually("it waits for its next attempt", || {
        let details = server.details();
        let waits = details.json["runtimeStatus"]["status"] == "restarting";
        waits.then(|| assert!(details.at("/runtimeStatus/nextAttemptAt").is_string()))
    });
    assert!(["STARTING", "UNHEALTHY", "ERROR"].contains(&server.health().as_str()));
    server.stop().is(200).has("/runtimeStatus/status", "stopped").lacks("/runtimeStatus/nextAttemptAt");
}

#[test]
fn a_server_that_was_given_up_comes_back_when_it_is_mended_and_started() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let file = ostler.setup.servers_dir().join("needed");
    let server = ostler.admin().register(fake_with("needs-file", &[file.to_str().unwrap()]).enabled());
    server.becomes("failed");
    let details = server.details().has("/server/healthStatus", "ERROR");
    assert!(details.text().contains("the file it needs is missing"), "{details:?}");
    std::fs::write(&file, "").unwrap();
    server.start().is(200).has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
    assert_eq!(server.health(), "HEALTHY");
}

#[test]
fn an_idle_server_that_stops_answering_is_replaced() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "200")]);
    let server = ostler.admin().running(fake("ok"));
    let first = server.pid();
    server.call("stop-reading", json!({})).is(200);
    within(seconds(45), "another process took over", || {
        let pid = server.details().at("/runtimeStatus/pid").as_u64();
        pid.is_some_and(|pid| pid != u64::from(first)).then_some(())
    });
}

#[test]
fn an_idle_server_that_only_leaves_pings_unanswered_is_left_alone() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "1000")]);
    let asked = ostler.setup.servers_dir().join("asked");
    let server = ostler.admin().running(fake_with("ping-hang", &[asked.to_str().unwrap()]).uncontained());
    let first = server.pid();
    // Once at the start, then at each tick instead of the ping.
    within(seconds(60), "it was asked for its tools more often than pings may be missed", || {
        let times = std::fs::read_to_string(&asked).unwrap_or_default().lines().count();
        (times > 5).then_some(())
    });
    server.details().has("/runtimeStatus/pid", first).has("/runtimeStatus/restarts", 0);
    assert_eq!(server.health(), "HEALTHY");
}

#[test]
fn a_server_busy_with_a_call_is_not_taken_for_dead() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "1500")]);
    let server = ostler.admin().running(fake("ping-hang"));
    std::thread::scope(|scope| {
        // Longer than a ping may take, and than its three misses.
        let patient = scope.spawn(|| server.call("sleep", json!({"ms": 6_500})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        while !patient.is_finished() {
            server.call_within("hang", json!({}), 300).any_of(&[504]);
        }
        assert_eq!(patient.join().unwrap().is(200).said(), "slept");
    });
    server.details().has("/runtimeStatus/restarts", 0);
}

#[test]
fn many_enabled_servers_start_side_by_side_and_the_api_does_not_wait() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    let ids: Vec<_> = (0..24).map(|_| admin.register(fake_with("slow-start", &["300"])).id).collect();
    together(24, |index| drop(admin.server(&ids[index]).change(json!({"enabled": true})).is(200)));
    ostler.kill();
    ostler.start_again();
    let admin = ostler.admin();
    let (slowest, ()) = timed(|| drop(admin.get("/api/mcp").is(200)));
    assert!(slowest < seconds(1), "the list took {slowest:?}");
    within(seconds(20), "all are well", || {
        let health = admin.get("/api/mcp?limit=100").is(200);
        (health.text().matches("\"HEALTHY\"").count() >= 24).then_some(())
    });
}

#[test]
fn crash_loops_do_not_slow_anybody_else() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "0")]);
    let admin = ostler.admin();
    let good = admin.running(fake("ok").named("good"));
    for _ in 0..15 {
        admin.register(fake("crash-at-start").enabled());
    }
    for _ in 0..40 {
        let (took, answer) = timed(|| good.call("echo", json!({"message": "x"})));
        answer.is(200);
        assert!(took < seconds(1), "a call took {took:?}");
    }
}

#[test]
fn however_a_server_ends_it_is_restarted_where_restarts_are_on_and_only_there() {
    for restarts in [true, false] {
        let ostler = Ostler::with(&[("MCP_AUTO_RESTART", if restarts { "true" } else { "false" })]);
        for end in ["exit 0", "exit 9", "signal 9"] {
            let server = ostler.admin().running(fake("until-closed").named(end));
            let first = server.pid();
            match end {
                "exit 0" => drop(server.call("close", json!({}))),
                "exit 9" => drop(server.call("crash", json!({}))),
                _ => kill(first),
            }
            if restarts {
                eventually("another runs", || {
                    let details = server.details();
                    let pid = details.json.pointer("/runtimeStatus/pid").and_then(Value::as_u64);
                    pid.is_some_and(|pid| pid != u64::from(first)).then(|| details.has("/runtimeStatus/restarts", 1))
                });
            } else {
                server.becomes("failed");
                server.details().has("/runtimeStatus/restarts", 0).lacks("/runtimeStatus/nextAttemptAt");
            }
        }
    }
}
