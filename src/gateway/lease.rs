//! [`Lease`]: the right to send one request to one instance, and how the gateway learns what became of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    gateway::{Instance, Service},
    policy::breaker::{self, Outcome, Pass},
};

/// Why an instance gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made.
    Connect,
    /// Its time passed.
    Timeout,
    /// The connection broke before the answer was whole.
    Reset,
    /// What it sent is no answer.
    Protocol,
}

/// One attempt to have a request answered by one instance, which counts as under way there until this is dropped.
/// Dropped without a word, it stands for a client that went away.
#[derive(Debug)]
pub struct Lease {
    service: Arc<Service>,
    instance: Arc<Instance>,
    pass: Pass,
    born: Duration,
    told: AtomicBool,
}

impl Lease {
    pub(super) fn new(service: Arc<Service>, instance: Arc<Instance>, pass: Pass, born: Duration) -> Self {
        Self { service, instance, pass, born, told: AtomicBool::new(false) }
    }

    /// Where to send the request.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// The head of an answer is here: its latency is the time from this lease's birth to now.
    pub fn answered(&self, status: u16) {
        let now = self.service.now();
        self.instance.tally.answered(status, now.saturating_sub(self.born));
        self.settle(breaker::outcome(status), now);
    }

    /// There was no answer, or it broke off after its head.
    pub fn failed(&self, failure: Failure) {
        self.instance.tally.failed(failure);
        self.settle(Outcome::Bad, self.service.now());
    }

    fn settle(&self, outcome: Outcome, now: Duration) {
        self.told.store(true, Relaxed);
        if self.instance.record(self.pass, outcome, now) {
            self.service.suspect(&self.instance, now);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !*self.told.get_mut() {
            self.instance.tally.aborted();
        }
        self.instance.end(self.pass);
        self.service.returned(&self.instance);
    }
}
