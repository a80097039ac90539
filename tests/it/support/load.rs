//! A steady stream of requests, and what became of each.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::{
    http::Ask,
    wait::{now, pass},
};

/// What came of a request: its method and path, and a status; none where the connection broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub method: &'static str,
    pub path: String,
    pub status: Option<u16>,
}

/// So many requests a second, on connections of their own, from so many threads.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub to: SocketAddr,
    pub rate: u32,
    pub threads: u32,
}

impl Load {
    /// Asks for `base`/… while `work` runs; every other request is a POST. No path is asked for twice.
    pub fn during<T>(self, base: &str, suffix: &str, work: impl FnOnce() -> T) -> (T, Vec<Outcome>) {
        let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let caller = || self.run(base, suffix, &over, &next);
            let callers: Vec<_> = (0..self.threads).map(|_| scope.spawn(caller)).collect();
            // Also where the work panics: the callers must end.
            let ending = Ending(&over);
            let done = work();
            drop(ending);
            (done, callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect())
        })
    }

    fn run(self, base: &str, suffix: &str, over: &AtomicBool, next: &AtomicUsize) -> Vec<Outcome> {
        let (mut outcomes, mut due) = (Vec::new(), now());
        while !over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (method, path) = (["GET", "POST"][number % 2], format!("{base}/{number}{suffix}"));
            let status = Ask::new(self.to, method, &path).try_send().ok().map(|answer| answer.status);
            outcomes.push(Outcome { method, path, status });
            due += Duration::from_secs(1) * self.threads / self.rate;
            pass(due.saturating_duration_since(now()));
        }
        outcomes
    }
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Those that were not answered with 200.
pub fn failed<'a>(outcomes: &'a [Outcome], method: &str) -> Vec<&'a Outcome> {
    outcomes.iter().filter(|outcome| outcome.method == method && outcome.status != Some(200)).collect()
}
