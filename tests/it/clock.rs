//! Time out of joint: a clock that jumps, and an Ostler that was suspended.

use std::{fs, path::PathBuf, time::Duration};

use rustix::process::Signal;

use crate::support::{self, processes::look_at, wait::now, *};

/// A clock on the wall that one Ostler looks at, and the test sets.
struct Clock(PathBuf);

impl Clock {
    /// `None` where the library that pretends is not installed.
    fn of(setup: Setup) -> Option<(Setup, Self)> {
        let places = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
        let library = places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|file| file.exists());
        let Some(library) = library else {
            support::absent("libfaketime is not installed");
            return None;
        };
        let clock = Self(setup.home.join("clock"));
        clock.jump("+0");
        let setup = setup
            .env("LD_PRELOAD", library.to_str().unwrap())
            .env("FAKETIME_TIMESTAMP_FILE", clock.0.to_str().unwrap())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Some((setup, clock))
    }

    /// Sets it to so much before or after the real time.
    fn jump(&self, offset: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}

#[test]
fn a_clock_set_two_days_forward_disturbs_nothing() {
    a_jump_disturbs_nothing("+2d");
}

#[test]
fn a_clock_set_two_days_back_disturbs_nothing() {
    a_jump_disturbs_nothing("-2d");
}

fn a_jump_disturbs_nothing(offset: &str) {
    let Some((setup, clock)) = Clock::of(Setup::new().env("MCP_HEALTH_CHECK_INTERVAL", "200")) else { return };
    let ostler = setup.env("MCP_MAX_RETRIES", "1").spawn();
    let admin = ostler.admin();
    let key = admin.make_key(&["mcp:read", "mcp:write", "mcp:execute"]);
    let server = admin.running(fake("ok")).seen_by(&key);
    let parked = admin.register(fake("crash-at-start").named("parked").enabled()).seen_by(&key);
    parked.becomes("failed");
    let (pid, next) = (server.pid(), parked.details().string("/runtimeStatus/nextAttemptAt"));
    server.call("echo", json!({"message": "before"})).is(200);

    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call_within("sleep", json!({"ms": 3_000}), 60_000));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        clock.jump(offset);
        let took = call.join().unwrap().is(200).number("/executionTime");
        assert!((2_900..60_000).contains(&took), "it took {took} ms");
    });
    server.call("echo", json!({"message": "after"})).is(200).has("/success", true);
    server.call_within("sleep", json!({"ms": 5_000}), 300).problem(504, "call_timeout");
    let pings = || server.call("pings", json!({})).said().parse::<u64>().unwrap();
    let (began, before) = (now(), pings());
    // An idle server is pinged at its pace: were each look at it a call, it would not be idle.
    let pinged = within(seconds(30), "it is pinged", || {
        support::wait::pass(millis(1500));
        Some(pings() - before).filter(|pinged| *pinged >= 2)
    });
    let most = 2 + began.elapsed().as_millis() as u64 / 200;
    assert!(pinged <= most, "{pinged} pings, of {most} at their pace");
    assert_eq!(server.pid(), pid);
    server.details().has("/runtimeStatus/restarts", 0).has("/runtimeStatus/status", "running");
    parked.details().has("/runtimeStatus/nextAttemptAt", next).has("/runtimeStatus/status", "failed");

    let logs = server.logs();
    let messages: Vec<_> =
        logs.list("/items").iter().filter_map(|call| call["parameters"]["message"].as_str()).collect();
    assert_eq!(messages, ["after", "before"], "the newest first: {logs:?}");
    let again = ostler.anonymous().log_in("admin@localhost", support::setup::ADMIN_PASSWORD);
    again.get("/api/mcp").is(200);
    admin.get("/api/mcp").problem(401, "unauthenticated");
}

#[test]
fn a_server_that_ends_while_the_clock_jumps_back_comes_back_in_time() {
    let Some((setup, clock)) = Clock::of(Setup::new()) else { return };
    let ostler = setup.spawn();
    let key = ostler.admin().make_key(&["mcp:read", "mcp:write", "mcp:execute"]);
    let server = ostler.admin().running(fake("ok")).seen_by(&key);
    clock.jump("-2d");
    let pid = server.pid();
    support::processes::kill(pid);
    eventually("it is dead", || (!support::processes::alive(pid)).then_some(()));
    let (took, answer) = timed(|| server.call("echo", json!({"message": "again"})));
    answer.is(200);
    assert!(took < seconds(30), "it took {took:?}");
    server.details().has("/runtimeStatus/restarts", 1);
}

#[test]
fn an_ostler_suspended_for_a_while_goes_on_as_if_nothing_had_been() {
    suspended_for(seconds(3));
}

/// Takes five minutes: set `OSTLER_TEST_LONG` to have it run.
#[test]
fn an_ostler_suspended_for_five_minutes_goes_on_as_if_nothing_had_been() {
    if std::env::var_os("OSTLER_TEST_LONG").is_some() {
        suspended_for(seconds(300));
    }
}

fn suspended_for(pause: Duration) {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "200")]);
    let admin = ostler.admin();
    let servers: Vec<_> = (0..5).map(|number| admin.running(fake("ok").named(&format!("number {number}")))).collect();
    let pids: Vec<_> = servers.iter().map(Server::pid).collect();
    let pings = |server: &Server| server.call("pings", json!({})).is(200).said().parse::<u64>().unwrap();
    let (began, before) = (now(), servers.iter().map(pings).collect::<Vec<_>>());
    let calls = || {
        let call = |index: usize| servers[index % 5].call_within("echo", json!({"message": "x"}), 30_000);
        let (took, answers) = timed(|| together(servers.len() * 8, call));
        answers.into_iter().for_each(|answer| drop(answer.is(200)));
        took
    };
    let usual = calls();

    ostler.signal(Signal::STOP);
    support::wait::pass(pause);
    ostler.signal(Signal::CONT);
    let anybody = ostler.anonymous();
    together(16, |_| drop(anybody.get("/livez").is(200)));
    let took = calls();
    assert!(took < seconds(2) + usual * 5, "forty calls took {took:?}, and {usual:?} before");
    for (server, before) in servers.iter().zip(before) {
        let pinged = pings(server) - before;
        let most = 5 + (began.elapsed() - pause).as_millis() as u64 / 200;
        assert!(pinged <= most, "{pinged} pings at once, for all those missed");
        server.details().has("/runtimeStatus/restarts", 0).has("/runtimeStatus/status", "running");
    }
    assert!(pids.iter().all(|pid| look_at(*pid).is_some()));
    anybody.get("/readyz").is(200);
}
