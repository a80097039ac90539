//! What is counted of an instance's requests.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::gateway::{
    figures::{ErrorCounts, Latency},
    histogram::{Histogram, Spread},
    lease::Failure,
};

/// Counters since the instance was first registered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: AtomicU64,
    connect: AtomicU64,
    timeout: AtomicU64,
    reset: AtomicU64,
    protocol: AtomicU64,
    server_error: AtomicU64,
    aborted: AtomicU64,
    latency: Histogram,
}

impl Tally {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn answered(&self, status: u16, after: Duration) {
        self.latency.record(after);
        if status >= 500 {
            self.server_error.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        let counter = match failure {
            Failure::Connect => &self.connect,
            Failure::Timeout => &self.timeout,
            Failure::Reset => &self.reset,
            Failure::Protocol => &self.protocol,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn aborted(&self) {
        self.aborted.fetch_add(1, Relaxed);
    }

    /// Adds what another one counted.
    pub(super) fn absorb(&self, other: &Self) {
        let pairs = [
            (&self.requests, &other.requests),
            (&self.connect, &other.connect),
            (&self.timeout, &other.timeout),
            (&self.reset, &other.reset),
            (&self.protocol, &other.protocol),
            (&self.server_error, &other.server_error),
            (&self.aborted, &other.aborted),
        ];
        for (mine, theirs) in pairs {
            mine.fetch_add(theirs.load(Relaxed), Relaxed);
        }
        self.latency.absorb(&other.latency);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(super) fn errors(&self) -> ErrorCounts {
        ErrorCounts {
            connect: self.connect.load(Relaxed),
            timeout: self.timeout.load(Relaxed),
            reset: self.reset.load(Relaxed),
            protocol: self.protocol.load(Relaxed),
            server_error: self.server_error.load(Relaxed),
            aborted: self.aborted.load(Relaxed),
        }
    }

    pub(super) fn latencies<const N: usize>(&self, bounds: [f64; N]) -> Spread {
        self.latency.spread(bounds)
    }

    pub(super) fn latency(&self) -> Option<Latency> {
        self.latency.quantiles([500, 900, 990]).map(Latency::of)
    }
}
