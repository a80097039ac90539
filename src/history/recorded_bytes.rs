//! [`RecordedBytes`]: bytes recorded since retention was last checked.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::policy::retention::Retention;

/// Checks while calls grow from none to the smaller limit: they exceed it by one part of so many at most.
const CHECKS_PER_LIMIT: u64 = 32;

/// Bytes recorded since retention was last checked.
pub(super) struct RecordedBytes {
    bytes: AtomicUsize,
    check_after: usize,
    check_due: Notify,
}

impl RecordedBytes {
    /// Nothing recorded yet; a check is due after a fraction of the smaller limit.
    pub(super) fn new(retention: &Retention) -> Self {
        let smaller = retention.calls_bytes.min(retention.calls_bytes_per_user);
        let check_after = usize::try_from(smaller / CHECKS_PER_LIMIT).unwrap_or(usize::MAX);
        Self { bytes: AtomicUsize::new(0), check_after, check_due: Notify::new() }
    }

    /// Counts recorded bytes.
    pub(super) fn add(&self, bytes: usize) {
        if self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) >= self.check_after {
            self.bytes.store(0, Ordering::Relaxed);
            self.check_due.notify_one();
        }
    }

    /// Completes once a check is due.
    pub(super) async fn check_due(&self) {
        self.check_due.notified().await;
    }
}
