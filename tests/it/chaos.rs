//! A random walk: many callers do anything at any time, servers crash, hang and are killed, and a model says what
//! must hold all the while and in the end.
//!
//! `OSTLER_TEST_CHAOS_SECONDS` walks longer, with more callers; `OSTLER_TEST_CHAOS_SEED` walks the same way again.

mod chance;
mod model;
mod watch;

use std::{
    env,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::process::Signal;

use crate::support::{
    processes::{descriptors, resident_kib, signal_tagged, threads, zombies_of},
    wait::{breathe, now},
    *,
};
use chance::Chance;
use model::{Effect, Stable, Subject};
use watch::Watch;

/// Servers there are at any time.
const SERVERS: usize = 6;

/// What they are; all of them serve, each goes in its own way.
const MODES: [&str; 6] = ["ok", "modern-only", "grandchild", "daemon", "old", "ok"];

#[test]
fn whatever_many_callers_do_each_server_has_one_process_and_the_last_word_holds() {
    let length = env::var("OSTLER_TEST_CHAOS_SECONDS").ok().map(|text| text.parse().unwrap());
    let seed = env::var("OSTLER_TEST_CHAOS_SEED").ok().map(|text| text.parse().unwrap());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1);
    let callers = if length.is_some() { 20 } else { 8 };
    println!("chaos: seed {seed}, {callers} callers");

    let mut ostler = Ostler::with(&[("MCP_MAX_RETRIES", "0"), ("MCP_HEALTH_CHECK_INTERVAL", "500")]);
    let before = Footprint::warm(&ostler);
    let stable = Stable::new(&ostler.admin(), SERVERS, &MODES);
    let over = AtomicBool::new(false);
    let doubles = std::thread::scope(|scope| {
        let watch = scope.spawn(|| Watch::of(&ostler.setup.tag).until(&over));
        let walks: Vec<_> = (0..callers)
            .map(|number| {
                let (stable, over) = (&stable, &over);
                scope.spawn(move || Walk { stable, chance: Chance::new(seed, number), over }.go())
            })
            .collect();
        let began = now();
        let wanted = Duration::from_secs(length.unwrap_or(8));
        within(wanted + seconds(60), "the walk's length", || {
            let failed = walks.iter().any(|walk| walk.is_finished());
            (failed || began.elapsed() > wanted).then_some(())
        });
        over.store(true, Ordering::Relaxed);
        let steps: u64 = walks.into_iter().map(|walk| walk.join().unwrap()).sum();
        println!("chaos: {steps} steps");
        watch.join().unwrap()
    });
    assert!(doubles.is_empty(), "two processes for one server:\n{}", doubles.join("\n"));
    stable.subjects().iter().for_each(|subject| subject.is_as_last_told(&ostler));
    stable.subjects().iter().for_each(|subject| drop(subject.server.remove().is(204)));
    // A removal does not wait for the end, and what was suspended ends by SIGKILL, five seconds later.
    within(seconds(7), "nothing is left", || ostler.processes().is_empty().then_some(()));
    before.is_that_of(&ostler);
    let (took, status) = timed(|| ostler.terminate());
    assert!(status.code() == Some(0) && took < seconds(7), "{status:?} after {took:?}: work was left under way");
}

/// One caller's way.
struct Walk<'a> {
    stable: &'a Stable,
    chance: Chance,
    over: &'a AtomicBool,
}

impl Walk<'_> {
    /// Walks until all is over; how many steps that were.
    fn go(mut self) -> u64 {
        let mut steps = 0;
        while !self.over.load(Ordering::Relaxed) {
            let subject = self.stable.pick(self.chance.below(SERVERS));
            let (took, ()) = timed(|| self.step(&subject));
            assert!(took < seconds(30), "a step took {took:?}");
            steps += 1;
        }
        steps
    }

    fn step(&mut self, subject: &Subject) {
        match self.chance.below(100) {
            0..45 => self.echo(subject),
            45..50 => self.end_by_tool(subject),
            50..55 => self.hang(subject),
            55..60 => self.kill(subject, Signal::KILL),
            60..61 => self.kill(subject, Signal::STOP),
            61..68 => command(subject, "start", Effect::Up),
            68..74 => command(subject, "restart", Effect::Up),
            74..80 => command(subject, "stop", Effect::Down),
            80..87 => subject.revise(self.stable.next_revision()),
            87..91 => self.stable.renew(subject, MODES[self.chance.below(MODES.len())]),
            _ => look(subject),
        }
    }

    fn echo(&mut self, subject: &Subject) {
        let message = format!("message {}", self.chance.next());
        let parameters = json!({"message": message, "ms": self.chance.below(30)});
        let answer = subject.server.call_within("echo", parameters, 2_000);
        if answer.status == 200 {
            assert_eq!(answer.said(), message, "somebody else's answer");
            return subject.recorded(answer.string("/callId"));
        }
        failed_for_a_reason(&answer, &[(503, "server_unavailable"), (504, "call_timeout")]);
    }

    fn end_by_tool(&mut self, subject: &Subject) {
        let answer = subject.server.call_within("crash", json!({}), 2_000);
        failed_for_a_reason(&answer, &[(503, "server_unavailable"), (504, "call_timeout")]);
    }

    fn hang(&mut self, subject: &Subject) {
        let (took, answer) = timed(|| subject.server.call_within("hang", json!({}), 300));
        failed_for_a_reason(&answer, &[(503, "server_unavailable"), (504, "call_timeout")]);
        assert!(took < seconds(5), "300 ms took {took:?}");
    }

    /// Ends or suspends a process from outside.
    fn kill(&mut self, subject: &Subject, with: Signal) {
        let details = subject.server.details();
        if let Some(pid) = details.json.pointer("/runtimeStatus/pid").and_then(Value::as_u64) {
            signal_tagged(pid as u32, &subject.server.caller.tag, with);
        }
    }
}

fn command(subject: &Subject, verb: &str, effect: Effect) {
    subject.told(effect, || {
        let answer = subject.server.caller.press(&subject.server.path(&format!("/{verb}")));
        if answer.status != 200 {
            // A start may be overtaken by a stop, or by a kill.
            let overtaken: &[_] = &[(503, "server_unavailable"), (500, "spawn_failed")];
            failed_for_a_reason(&answer, if effect == Effect::Down { &[] } else { overtaken });
        }
        answer.status != 404
    });
}

fn look(subject: &Subject) {
    let server = &subject.server;
    for answer in [server.details(), server.caller.get(&server.path("/logs"))] {
        if answer.status != 200 {
            failed_for_a_reason(&answer, &[]);
        }
    }
    server.caller.get("/api/mcp").is(200);
    server.caller.get("/readyz").is(200);
}

/// Claims one of the failures that are to be expected here; of a server that somebody removed, that it is not there.
#[track_caller]
fn failed_for_a_reason(answer: &Answer, expected: &[(u16, &str)]) {
    let code = answer.json["code"].as_str().unwrap_or_default();
    let known = (404, "server_not_found");
    assert!(expected.iter().chain([&known]).any(|one| *one == (answer.status, code)), "{answer:?}");
}

/// What an Ostler without servers takes.
#[derive(Debug)]
struct Footprint {
    descriptors: usize,
    threads: usize,
    resident_kib: u64,
}

impl Footprint {
    /// After a server came and went, with everything opened that stays open.
    fn warm(ostler: &Ostler) -> Self {
        let server = ostler.admin().running(fake("ok"));
        together(16, |_| drop(server.call("echo", json!({"message": "x"})).is(200)));
        together(16, |_| drop(server.logs()));
        server.remove().is(204);
        ostler.leaves_nothing();
        Self::of(ostler)
    }

    fn of(ostler: &Ostler) -> Self {
        let pid = ostler.pid();
        // How many connections to its file the store has open is its own affair.
        let of_the_store = |link: &PathBuf| link.to_string_lossy().contains("ostler.db");
        let (store, others): (Vec<_>, Vec<_>) = descriptors(pid).into_values().partition(of_the_store);
        assert!(store.len() <= 20, "{store:?}");
        Self { descriptors: others.len(), threads: threads(pid), resident_kib: resident_kib(pid) }
    }

    /// Claims that what was taken meanwhile was given back.
    fn is_that_of(&self, ostler: &Ostler) {
        let given_back = || Self::of(ostler).descriptors <= self.descriptors + 2;
        let began = now();
        while !given_back() && began.elapsed() < seconds(20) {
            breathe();
        }
        assert!(given_back(), "{} descriptors before, now {:#?}", self.descriptors, descriptors(ostler.pid()));
        // The runtime keeps idle threads for ten seconds.
        within(seconds(30), "threads are given back", || (Self::of(ostler).threads <= self.threads).then_some(()));
        let after = Self::of(ostler);
        println!("chaos: {self:?} before, {after:?} after");
        assert!(after.resident_kib < self.resident_kib + 64 * 1024, "{self:?} before, {after:?} after");
        // The last guard may have ended in this very moment.
        eventually("every guard is waited for", || (zombies_of(ostler.pid()) == 0).then_some(()));
    }
}
