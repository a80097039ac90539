//! [`Health`]: whether calls can be recorded, as far as is known.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// A commit is proof of health for this long.
const FRESH: Duration = Duration::from_millis(20);

/// What is known about the database without asking it.
pub(super) struct Health {
    /// False after a group failed for want of a database, or a call could not be recorded for whatever reason, or when
    /// there is little room left on its disk.
    pub(super) writable: AtomicBool,
    started: Instant,
    /// Milliseconds from `started` to the last known commit; kept by the callers, whose clock tests can pause.
    committed: AtomicU64,
}

impl Health {
    pub(super) fn new() -> Self {
        Self { writable: AtomicBool::new(false), started: Instant::now(), committed: AtomicU64::new(0) }
    }

    pub(super) fn is_fresh(&self) -> bool {
        let committed = Duration::from_millis(self.committed.load(Ordering::Relaxed));
        self.writable.load(Ordering::Relaxed) && self.started.elapsed().saturating_sub(committed) < FRESH
    }

    pub(super) fn note_commit(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.committed.store(now, Ordering::Relaxed);
    }
}
