//! [`NoMetrics`] of a build without the feature `metrics`: of all, restarts are counted, for the statistics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::telemetry::{labels::OperationLabels, outcome::OperationOutcome, span_kind::SpanKind};

/// Restarts of servers.
pub(crate) struct NoMetrics(AtomicU64);

/// The methods of metrics of which one is kept.
impl NoMetrics {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn server_restarted(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn call_recorded(&self, _outcome: OperationOutcome<'_>, _milliseconds: i64) {}

    pub(crate) fn call_rejected(&self) {}

    pub(crate) fn tools_quarantined(&self, _count: usize) {}

    pub(crate) fn client_session_ended(&self, _protocol_version: &str, _is_remote: bool, _lasted: Duration) {}

    pub(super) fn operation_ended(&self, _kind: SpanKind, _labels: &OperationLabels, _lasted: Duration) {}

    pub(super) fn tool_label(&self, _name: &str, _is_listed: impl FnOnce() -> bool) -> Arc<str> {
        Arc::default()
    }
}
