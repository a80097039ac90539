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
        let call = scope.spawn(|| server.call_within("sleep", json!({"ms": 700}), 10_000));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        clock.jump(offset);
        let took = call.join().unwrap().is(200).number("/executionTime");
        assert!((600..10_000).contains(&took), "it took {took} ms");
    });
    server.call("echo", json!({"message": "after"})).is(200).has("/success", true);
    server.call_within("sleep", json!({"ms": 5_000}), 300).problem(504, "call_timeout");
    let pings = || server.call("pings", json!({})).said().parse::<u64>().unwrap();
    let before = pings();
    // An idle server is pinged at its pace: were each look at it a call, it would not be idle.
    support::wait::pass(millis(1500));
    let pinged = pings() - before;
    assert!((2..=9).contains(&pinged), "{pinged} pings in a second and a half");
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
    assert!(took < seconds(5), "it took {took:?}");
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
    let before: Vec<_> = servers.iter().map(pings).collect();

    ostler.signal(Signal::STOP);
    support::wait::pass(pause);
    let waking = now();
    ostler.signal(Signal::CONT);
    // Who connects in the very moment may be told 408: the framework's clock catches up in steps of half a second.
    let anybody = ostler.anonymous();
    within(seconds(2), "it answers", || {
        let answers = together(16, |_| anybody.get("/livez").any_of(&[200, 408]).status);
        answers.iter().all(|status| *status == 200).then_some(())
    });
    let answers =
        together(servers.len() * 8, |index| servers[index % 5].call_within("echo", json!({"message": "x"}), 2_000));
    answers.into_iter().for_each(|answer| drop(answer.is(200)));
    assert!(waking.elapsed() < seconds(3), "forty calls took {:?}", waking.elapsed());
    let most = 5 + waking.elapsed().as_millis() as u64 / 200;
    for (server, before) in servers.iter().zip(before) {
        let pinged = pings(server) - before;
        assert!(pinged <= most, "{pinged} pings at once, for all those missed");
        server.details().has("/runtimeStatus/restarts", 0).has("/runtimeStatus/status", "running");
    }
    assert!(pids.iter().all(|pid| look_at(*pid).is_some()));
    anybody.get("/readyz").is(200);
}
