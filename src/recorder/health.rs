//! [`Health`]: the ability to record calls, as far as it is known.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Age up to which a commit is proof of health.
const COMMIT_FRESH_FOR: Duration = Duration::from_millis(20);

/// State of the database, as far as it is known without asking it.
pub(super) struct Health {
    /// False after a group failed for want of a database, or a call could not be recorded for whatever reason, or when
    /// there is little room left on its disk.
    pub(super) writable: AtomicBool,
    started: Instant,
    /// Milliseconds from `started` to the last known commit; kept by the callers, whose clock tests can pause.
    committed: AtomicU64,
    /// Notified by the thread with each group, and each try to reach a database that is silent.
    pub(super) beat: Notify,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            writable: AtomicBool::new(false),
            started: Instant::now(),
            committed: AtomicU64::new(0),
            beat: Notify::new(),
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        let committed = Duration::from_millis(self.committed.load(Ordering::Relaxed));
        self.writable.load(Ordering::Relaxed) && self.started.elapsed().saturating_sub(committed) < COMMIT_FRESH_FOR
    }

    pub(super) fn note_commit(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.committed.store(now, Ordering::Relaxed);
    }
}
