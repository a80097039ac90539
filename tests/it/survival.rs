//! Whatever one server does, and whatever is done to Ostler, the others go on and nothing is left behind.

use std::sync::atomic::{AtomicBool, Ordering};

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::support::{
    processes::{alive, descriptors, resident_kib, signal, tagged, threads, ticks, zombies_of},
    wait::{breathe, now, pass},
    *,
};

#[test]
fn floods_of_lines_on_standard_error_slow_nobody_else() {
    flood_harms_nobody("stderr");
}

#[test]
fn floods_without_line_ends_on_standard_error_slow_nobody_else() {
    flood_harms_nobody("stderr-no-newline");
}

#[test]
fn floods_of_notifications_slow_nobody_else() {
    flood_harms_nobody("notifications");
}

#[test]
fn floods_of_news_about_tools_slow_nobody_else() {
    flood_harms_nobody("list-changed");
}

#[test]
fn floods_of_lines_that_are_no_messages_slow_nobody_else() {
    flood_harms_nobody("stray-lines");
}

#[test]
fn floods_of_answers_to_nothing_slow_nobody_else() {
    flood_harms_nobody("stray-answers");
}

/// Others are answered as before while a server writes as fast as it is read, in bounded memory; and so is that server.
fn flood_harms_nobody(kind: &str) {
    let ostler = Ostler::spawn();
    let flooding = ostler.admin().running(fake("ok").named("flooding"));
    let quiet = ostler.admin().running(fake("ok").named("quiet"));
    let echo = |server: &Server| timed(|| drop(server.call("echo", json!({"message": "x"})).is(200))).0;
    // What a call takes here and now, whatever else the machine does.
    let mut usual: Vec<_> = (0..20).map(|_| echo(&quiet)).collect();
    usual.sort();
    let (usual, usual_most) = (usual[10], usual[19]);
    let before = resident_kib(ostler.pid());
    let over = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let answer = flooding.call("flood", json!({"kind": kind, "ms": 1500}));
            over.store(true, Ordering::Relaxed);
            answer
        });
        let mut times = Vec::new();
        while !over.load(Ordering::Relaxed) {
            times.push(echo(&quiet));
        }
        let pieces: u64 = flood.join().unwrap().is(200).said().parse().unwrap();
        assert!(pieces > 1000, "only {pieces} pieces are no flood");
        times
    });
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(
        median < millis(200) + usual * 5 && slowest < seconds(1) + usual_most * 5,
        "median {median:?}, before {usual:?}; slowest {slowest:?}, before {usual_most:?}"
    );
    let grown = resident_kib(ostler.pid()).saturating_sub(before);
    assert!(grown < 32 * 1024, "memory grew by {grown} KiB");
    assert!(ostler.errors().len() < 64 * 1024, "the log grew by {} bytes", ostler.errors().len());
    echo(&flooding);
    flooding.details().has("/runtimeStatus/restarts", 0);
}

#[test]
fn a_call_that_hangs_holds_up_no_other_call_of_its_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    std::thread::scope(|scope| {
        let hung = scope.spawn(|| timed(|| server.call_within("hang", json!({}), 1_500)));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        let (took, _) = timed(|| (0..5).for_each(|_| drop(server.call("echo", json!({"message": "x"})).is(200))));
        assert!(took < seconds(1), "five calls took {took:?}");
        let (took, answer) = hung.join().unwrap();
        answer.problem(504, "call_timeout");
        assert!(took < seconds(3), "it took {took:?}");
    });
    server.details().has("/runtimeStatus/inFlight", 0).has("/runtimeStatus/restarts", 0);
}

#[test]
fn a_tool_that_ends_its_server_costs_that_call_and_no_other() {
    let ostler = Ostler::spawn();
    for (mode, tool) in [("ok", "crash"), ("crash-on-call", "echo")] {
        let server = ostler.admin().running(fake(mode).named(mode));
        let (took, answer) = timed(|| server.call(tool, json!({})));
        answer.problem(503, "server_unavailable");
        assert!(took < seconds(1), "it took {took:?}");
        server.logs().has("/items/0/success", false);
        eventually("another process serves", || {
            let details = server.details();
            let restarted = details.number("/runtimeStatus/restarts") > 0;
            (restarted && details.string("/runtimeStatus/status") == "running").then_some(())
        });
        server.details().has("/runtimeStatus/restarts", 1);
    }
}

#[test]
fn a_line_of_64_mebibytes_costs_its_call_and_not_the_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let pid = server.pid();
    let before = resident_kib(ostler.pid());
    server.call("big", json!({"bytes": 64 << 20})).problem(400, "tool_execution_failed");
    let grown = resident_kib(ostler.pid()).saturating_sub(before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
    server.call("echo", json!({"message": "x"})).is(200);
    assert_eq!(server.pid(), pid);
}

#[test]
fn a_server_that_was_suspended_is_found_out_and_replaced() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "200")]);
    let server = ostler.admin().running(fake("ok"));
    let first = server.pid();
    signal(first, Signal::STOP);
    within(seconds(30), "another process took over", || {
        let pid = server.details().at("/runtimeStatus/pid").as_u64();
        pid.is_some_and(|pid| pid != u64::from(first)).then_some(())
    });
    assert!(!alive(first), "the suspended process is left");
    server.call("echo", json!({"message": "x"})).is(200);
    let reason = server.details().string("/runtimeStatus/lastExit/reason");
    assert!(reason.contains("ping"), "{reason}");
}

#[test]
fn a_server_that_was_suspended_is_found_out_however_many_call_it() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "200")]);
    let server = ostler.admin().running(fake("ok"));
    let first = server.pid();
    signal(first, Signal::STOP);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    server.call_within("echo", json!({"message": "x"}), 700);
                }
            });
        }
        let began = now();
        while alive(first) && began.elapsed() < seconds(30) {
            breathe();
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(!alive(first), "it is still taken for busy");
    eventually("another serves", || (server.call("echo", json!({"message": "x"})).status == 200).then_some(()));
}

#[test]
fn fifty_servers_started_at_once_all_run_once_and_end_side_by_side() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    let servers: Vec<_> = (0..50).map(|number| admin.register(fake("ok").named(&format!("number {number}")))).collect();
    let (took, answers) = timed(|| together(50, |index| servers[index].start()));
    for answer in answers {
        answer.is(200).has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
    }
    assert!(took < seconds(30), "it took {took:?}");
    assert_eq!(fakes(&ostler), 50);
    assert_eq!(zombies_of(ostler.pid()), 0);
    let (took, status) = timed(|| ostler.terminate());
    assert!(status.code() == Some(0) && took < seconds(10), "{status:?} after {took:?}");
}

#[test]
fn what_a_server_costs_does_not_grow_with_their_number() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let cost_of_each = |count: u64| {
        let before = ticks(ostler.pid());
        let servers: Vec<_> = (0..count).map(|number| admin.register(fake("ok").named(&number.to_string()))).collect();
        together(servers.len(), |index| drop(servers[index].start().is(200)));
        together(servers.len(), |index| drop(servers[index].stop().is(200)));
        servers.iter().for_each(|server| drop(server.remove().is(204)));
        (ticks(ostler.pid()) - before) as f64 / count as f64
    };
    cost_of_each(5);
    let (few, many) = (cost_of_each(20), cost_of_each(160));
    println!("{few} and {many} hundredths of a second each");
    assert!(many < 2.0 * few + 0.2, "{few} hundredths of a second each of few, {many} each of many");
}

/// Descriptors, but for the database's: its pool opens connections as they are needed.
fn kept_open(ostler: &Ostler) -> usize {
    let of_database = |path: &std::path::PathBuf| path.to_string_lossy().contains("ostler.db");
    descriptors(ostler.pid()).values().filter(|path| !of_database(path)).count()
}

/// Processes of servers, without their guards.
fn fakes(ostler: &Ostler) -> usize {
    ostler.processes().into_iter().filter(|process| process.command.contains("hostile")).count()
}

#[test]
fn a_hundred_starts_that_fail_leave_no_descriptor_behind() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let crashing = admin.register(fake("crash-at-start"));
    let silent = admin.register(fake("exit0"));
    let missing = admin.register(Spec::new("/no/such/program", json!([])));
    let mute: Vec<_> = (0..8).map(|_| admin.register(fake("never-ready"))).collect();
    // The first of each opens what is kept open: connections to the database, say.
    crashing.start().problem(500, "spawn_failed");
    together(8, |_| drop(admin.get("/api/mcp/health/check")));
    crashing.stop().is(200);
    let base = kept_open(&ostler);

    for _ in 0..30 {
        together(3, |index| drop([&crashing, &silent, &missing][index].start().problem(500, "spawn_failed")));
    }
    together(8, |index| {
        std::thread::scope(|scope| {
            let start = scope.spawn(|| mute[index].start());
            mute[index].becomes("starting");
            mute[index].stop().is(200);
            start.join().unwrap().problem(503, "server_unavailable");
        });
    });
    together(3, |index| drop([&crashing, &silent, &missing][index].stop().is(200)));
    ostler.leaves_nothing();
    eventually("descriptors are back to where they were", || (kept_open(&ostler) <= base + 2).then_some(()));
    assert_eq!(zombies_of(ostler.pid()), 0);
    assert!(threads(ostler.pid()) < 64, "{} threads", threads(ostler.pid()));
}

#[test]
fn sigterm_under_load_answers_or_refuses_every_call_and_loses_none() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let calls = |count: &std::sync::Mutex<Vec<String>>| {
        let body = json!({"toolName": "echo", "parameters": {"message": "x", "ms": 20}});
        while let Ok(answer) = server.caller.ask("POST", &server.path("/execute")).json(&body).try_send() {
            match answer.status {
                200 => count.lock().unwrap().push(answer.string("/callId")),
                _ => return drop(answer.problem(503, "not_ready")),
            }
        }
    };
    let answered = std::sync::Mutex::default();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(|| calls(&answered))).collect();
        eventually("it is under load", || (answered.lock().unwrap().len() >= 100).then_some(()));
        let (took, status) = timed(|| ostler.terminate());
        assert_eq!(status.code(), Some(0));
        assert!(took < seconds(10), "it took {took:?}");
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
    ostler.leaves_nothing();
    ostler.start_again();
    let recorded = server.seen_by(&ostler.admin()).details().number("/server/totalCalls");
    assert_eq!(recorded as usize, answered.into_inner().unwrap().len());
}

#[test]
fn kill_9_under_load_of_many_servers_leaves_no_process() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    let modes = ["ok", "grandchild", "daemon", "ignores-term", "ok"];
    let servers: Vec<_> = modes.iter().map(|mode| admin.running(fake(mode).named(mode))).collect();
    let tag = ostler.setup.tag.clone();
    std::thread::scope(|scope| {
        for index in 0..15 {
            let server = &servers[index % servers.len()];
            let body = json!({"toolName": "echo", "parameters": {"message": "x", "ms": 5}});
            scope.spawn(
                move || {
                    while server.caller.ask("POST", &server.path("/execute")).json(&body).try_send().is_ok() {}
                },
            );
        }
        eventually("all are busy", || {
            let used = |server: &Server| server.details().number("/server/totalCalls") > 5;
            servers.iter().all(used).then_some(())
        });
        // Some are just starting when it happens.
        together(3, |_| drop(admin.register(fake_with("slow-start", &["5000"]).enabled())));
        ostler.kill();
    });
    within(seconds(2), "nothing is left", || tagged(&tag).is_empty().then_some(()));
}

#[test]
fn more_connections_than_descriptors_neither_burn_the_processor_nor_stay() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({"message": "before"})).is(200);
    let body = json!({"toolName": "echo", "parameters": {"message": "served", "ms": 3000}});
    let under_way = server.caller.ask("POST", &server.path("/execute")).json(&body).open().unwrap();
    eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
    let base = kept_open(&ostler);
    let limit = Rlimit { current: Some(256), maximum: Some(256) };
    let pid = Pid::from_raw(ostler.pid() as i32);
    prlimit(pid, Resource::Nofile, limit).unwrap();

    let connections: Vec<_> = (0..500).map(|_| TcpStream::connect(ostler.address).unwrap()).collect();
    eventually("there are no descriptors left", || (descriptors(ostler.pid()).len() >= 250).then_some(()));
    let before = ticks(ostler.pid());
    pass(seconds(1));
    let used = ticks(ostler.pid()) - before;
    assert!(used < 50, "{used} % of a processor");
    let answer = under_way.finish("the call under way").unwrap().is(200);
    assert_eq!(answer.said(), "served");

    drop(connections);
    let (took, ()) = timed(|| {
        eventually("it answers again", || {
            let answer = ostler.anonymous().ask("GET", "/livez").try_send();
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
    });
    assert!(took < seconds(5), "it took {took:?}");
    server.call("echo", json!({"message": "after"})).is(200);
    server.restart().is(200).has("/runtimeStatus/status", "running");
    eventually("descriptors are back to where they were", || (kept_open(&ostler) <= base + 2).then_some(()));
    assert!(ostler.pid() != 0 && zombies_of(ostler.pid()) == 0);
}
