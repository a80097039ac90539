//! Waiting for a condition, never for a while.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::seconds;

/// How long a condition may take that names no deadline of its own; generous, for busy machines.
const PATIENCE: Duration = seconds(20);

/// Polls until `probe` gives something, and fails the test where it never does.
#[track_caller]
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, probe)
}

/// As [`eventually`], with a deadline that is part of the promise.
#[track_caller]
pub fn within<T>(deadline: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(began.elapsed() < deadline, "not within {deadline:?}: {what}");
        breathe();
    }
}

/// As [`eventually`], in a test that is a future itself.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// How long `work` takes, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = now();
    let outcome = work();
    (began.elapsed(), outcome)
}

/// The tests watch a process from outside: here the clock on the wall is the right one.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Instant {
    Instant::now()
}

/// A step between two looks at a condition.
#[allow(clippy::disallowed_methods)]
pub fn breathe() {
    thread::sleep(super::millis(15));
}

/// Lets real time pass, where its passing is what is tested.
#[allow(clippy::disallowed_methods)]
pub fn pass(time: Duration) {
    thread::sleep(time);
}
