//! Two Ostlers at one database, and a database that is not as it was left: never two processes for one server, no
//! acknowledged call missing, and memory that follows the database.

#[cfg(feature = "postgres")]
mod failover;

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{
    processes::environment,
    wait::{breathe, now},
    *,
};

/// So many call either Ostler.
const CALLERS: usize = 8;

/// The name of a data folder's mark in the environment of its servers.
fn installation(ostler: &Ostler) -> String {
    let file = fs::read_to_string(ostler.setup.home.join("data/installation")).unwrap();
    file.lines().next().unwrap().to_owned()
}

/// A second Ostler for the database of another, with a data folder of its own.
fn second(first: &Setup) -> Setup {
    let url = &first.environment["DATABASE_URL"];
    Setup::new().database(url).env("OSTLER_SECRET_KEY", KEY)
}

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What was seen of the processes of servers, by the mark of whose they are.
#[derive(Default)]
struct Watched {
    of_first: Option<Instant>,
    of_second: Option<Instant>,
    together: Duration,
}

/// Looks for processes of both until it is over.
fn watch(tag: &str, marks: [&str; 2], over: &AtomicBool) -> Watched {
    let (mut seen, mut last) = (Watched::default(), now());
    while !over.load(Ordering::Relaxed) {
        let owners: Vec<_> = processes::tagged(tag).iter().filter_map(|process| owner(process.pid)).collect();
        let [first, second] = marks.map(|mark| owners.iter().any(|owner| owner.starts_with(mark)));
        let at = now();
        if first {
            seen.of_first = Some(at);
        }
        if second {
            seen.of_second.get_or_insert(at);
        }
        if first && second {
            seen.together += at - last;
        }
        last = at;
        breathe();
    }
    seen
}

fn owner(pid: u32) -> Option<String> {
    environment(pid).remove("OSTLER_INSTALLATION")
}

/// Calls a tool until it is over; gives the calls that were acknowledged.
fn call_until(over: &AtomicBool, server: &Server) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let answer = server.call("echo", json!({"message": "x"}));
        match answer.status {
            200 => acknowledged.push(answer.string("/callId")),
            _ => drop(answer.is(503)),
        }
        breathe();
    }
    acknowledged
}

/// A second Ostler that waits takes the database over once `let_go` has the first lose its lock: the first one stops
/// its servers and refuses, until the second has left.
fn hands_over(setup: Setup, let_go: impl FnOnce(&Ostler)) {
    let first = setup.env("OSTLER_SECRET_KEY", KEY).spawn();
    let server = first.admin().running(fake("ok").enabled());
    let (over, next) = (AtomicBool::new(false), second(&first.setup));
    let (tag, ours) = (first.admin().tag, installation(&first));
    let theirs = next.home.join("data");
    fs::create_dir(&theirs).unwrap();
    let mark = "11111111-2222-4333-8444-555555555555";
    fs::write(theirs.join("installation"), mark).unwrap();
    let (acknowledged, seen, mut second) = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| call_until(&over, &server))).collect();
        let watcher = scope.spawn(|| watch(&tag, [&ours, mark], &over));
        let starting = scope.spawn(|| next.spawn_persistently());
        let_go(&first);
        let second = starting.join().unwrap();
        let taken = || first.anonymous().get("/readyz").problem(503, "not_ready").text().contains("another Ostler");
        eventually("the first one says why it is not ready", || taken().then_some(()));
        let same = second.admin().server(&server.id);
        same.becomes("running");
        let mut acknowledged = vec![same.call("echo", json!({"message": "x"})).is(200).string("/callId")];
        server.call("echo", json!({"message": "x"})).problem(503, "store_unavailable");
        first.admin().try_register(fake("ok")).problem(503, "store_unavailable");
        over.store(true, Ordering::Relaxed);
        acknowledged.extend(callers.into_iter().flat_map(|caller| caller.join().unwrap()));
        (acknowledged, watcher.join().unwrap(), second)
    });
    assert_eq!(seen.together, Duration::ZERO, "two processes for one server");
    assert!(seen.of_first < seen.of_second && seen.of_first.is_some(), "first one, then the other");
    let recorded = second.admin().server(&server.id).calls_on_record();
    assert!(acknowledged.iter().all(|call| recorded.get(call) == Some(&1)), "an acknowledged call is missing");

    let renamed = second.admin().server(&server.id);
    renamed.change(json!({"name": "renamed"})).is(200);
    let added = second.admin().register(fake("ok").named("added")).id;
    assert_eq!(second.terminate().code(), Some(0));
    within(seconds(20), "the first one serves again", || {
        (server.call("echo", json!({"message": "x"})).status == 200).then_some(())
    });
    server.details().has("/server/name", "renamed");
    first.admin().server(&added).details().is(200);
    // Servers run a moment before the handover is on record.
    eventually("it is ready again", || (first.anonymous().get("/readyz").status == 200).then_some(()));
}

#[test]
fn a_lock_file_that_is_removed_lets_no_two_ostlers_serve() {
    hands_over(Setup::new(), |first| {
        let lock = first.setup.home.join("data/ostler.db.ostler-lock");
        // Or it might make another one before the second does.
        first.signal(Signal::STOP);
        fs::remove_file(&lock).unwrap();
        eventually("the second one has made another", || lock.exists().then_some(()));
        first.signal(Signal::CONT);
    });
}

#[test]
fn a_lock_file_that_is_removed_is_made_again() {
    let ostler = Ostler::spawn();
    let lock = ostler.setup.home.join("data/ostler.db.ostler-lock");
    fs::remove_file(&lock).unwrap();
    eventually("it is there again", || lock.exists().then_some(()));
    let refused = second(&ostler.setup).command().output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another Ostler uses the database"), "{refused:?}");
}

#[test]
fn an_ostler_that_ended_in_good_order_is_followed_at_once() {
    let mut first = Ostler::spawn();
    assert_eq!(first.terminate().code(), Some(0));
    let (took, second) = timed(|| second(&first.setup).spawn());
    assert!(!second.errors().contains("did not say"), "{}", second.errors());
    assert!(took < seconds(5), "it took {took:?}");
}

#[test]
fn an_ostler_that_was_killed_is_followed_once_its_servers_can_have_ended() {
    let mut first = Ostler::with(&[("OSTLER_SECRET_KEY", KEY)]);
    first.admin().register(fake("ok").enabled());
    first.kill();
    let (took, second) = timed(|| second(&first.setup).spawn());
    assert!(second.errors().contains("did not say"), "{}", second.errors());
    assert!(took > seconds(4), "it took {took:?}");
}
