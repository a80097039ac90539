//! [`InstanceLease`]: the right to send one request to one instance, and the report of its outcome.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    gateway::{
        failure::FailureKind,
        instance::{Instance, InstanceId},
        service::{NoInstance, Service},
    },
    policy::breaker::{self, AttemptOutcome, Permit},
};

/// One attempt to have a request answered by one instance, which counts as in flight there until this is dropped.
/// Dropped without a word, it stands for a client that went away.
#[derive(Debug)]
pub(crate) struct InstanceLease {
    service: Arc<Service>,
    instance: Arc<Instance>,
    permit: Permit,
    born: Duration,
    is_settled: AtomicBool,
}

impl InstanceLease {
    fn new(service: Arc<Service>, instance: Arc<Instance>, permit: Permit, born: Duration) -> Self {
        Self { service, instance, permit, born, is_settled: AtomicBool::new(false) }
    }

    /// The instance to send the request to.
    #[must_use]
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// The head of an answer is here: its latency is the time from this lease's birth to now.
    pub(crate) fn answered(&self, status: u16) {
        let now = self.service.now();
        self.instance.counters.answered(status, now.saturating_sub(self.born));
        self.settle(breaker::outcome(status), now);
    }

    /// There was no answer, or it broke off after its head.
    pub(crate) fn failed(&self, failure: FailureKind) {
        self.instance.counters.failed(failure);
        match failure {
            FailureKind::Shortage(_) => self.is_settled.store(true, Relaxed),
            FailureKind::Connect | FailureKind::Timeout | FailureKind::Reset | FailureKind::Protocol => {
                self.settle(AttemptOutcome::Unavailable, self.service.now());
            }
        }
    }

    fn settle(&self, outcome: AttemptOutcome, now: Duration) {
        self.is_settled.store(true, Relaxed);
        if self.instance.record(self.permit, outcome, now) {
            self.service.suspect(&self.instance, now);
        }
    }
}

impl Service {
    /// An instance for one attempt at a request, none of `tried`.
    pub(crate) fn choose(self: &Arc<Self>, tried: &[InstanceId]) -> Result<InstanceLease, NoInstance> {
        let now = self.now();
        if tried.is_empty() {
            self.state.request(now);
        }
        let chosen = self.pick(tried, now);
        chosen.map(|(instance, permit)| InstanceLease::new(self.clone(), instance.clone(), permit, now)).ok_or_else(
            || {
                self.state.refused.fetch_add(1, Relaxed);
                self.no_instance(tried, now)
            },
        )
    }
}

impl Drop for InstanceLease {
    fn drop(&mut self) {
        if !*self.is_settled.get_mut() {
            self.instance.counters.aborted();
        }
        self.instance.end(self.permit);
        self.service.returned(&self.instance);
    }
}
