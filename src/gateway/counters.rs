//! [`Counters`] of an instance's requests, and views of them.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::{
    clock::shown,
    failure::FailureKind,
    histogram::{Histogram, Spread},
};

/// Requests that failed, by what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorCounts {
    /// No connection could be made.
    pub connect: u64,
    /// Its time passed.
    pub timeout: u64,
    /// The connection broke before the answer was whole.
    pub reset: u64,
    /// The instance sent something else than an HTTP answer.
    pub protocol: u64,
    /// Answers with a status of 500 or more.
    pub server_error: u64,
    /// The client went away before there was an answer; no fault of the instance.
    pub aborted: u64,
}

impl ErrorCounts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            connect: self.connect + other.connect,
            timeout: self.timeout + other.timeout,
            reset: self.reset + other.reset,
            protocol: self.protocol + other.protocol,
            server_error: self.server_error + other.server_error,
            aborted: self.aborted + other.aborted,
        }
    }
}

/// Milliseconds from choosing an instance to the head of its answer, since registration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the answers came within this time.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
}

impl Latency {
    fn of([p50, p90, p99]: [Duration; 3]) -> Self {
        Self { p50: shown(p50), p90: shown(p90), p99: shown(p99) }
    }
}

/// Counters since the instance was first registered.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    connect: AtomicU64,
    timeout: AtomicU64,
    reset: AtomicU64,
    protocol: AtomicU64,
    server_error: AtomicU64,
    aborted: AtomicU64,
    latency: Histogram,
}

impl Counters {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn answered(&self, status: u16, after: Duration) {
        self.latency.record(after);
        if status >= 500 {
            self.server_error.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn failed(&self, failure: FailureKind) {
        let counter = match failure {
            // The instance has no part in it.
            FailureKind::Shortage(_) => return,
            FailureKind::Connect => &self.connect,
            FailureKind::Timeout => &self.timeout,
            FailureKind::Reset => &self.reset,
            FailureKind::Protocol => &self.protocol,
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
