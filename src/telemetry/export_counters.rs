//! [`ExportCounters`]: spans by the result of their export.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Spans by the result of their export; clones count together.
#[derive(Clone, Debug, Default)]
pub struct ExportCounters {
    /// Accepted by the collector.
    pub exported: Counter,
    /// Dropped, as the queue was full.
    pub overflowed: Counter,
    /// Rejected by the collector, or not delivered.
    pub failed: Counter,
}

impl ExportCounters {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("ostler_spans_exported", "Spans that the collector has", self.exported.clone());
        let help = "Spans that came faster than they could be exported";
        registry.register("ostler_spans_overflowed", help, self.overflowed.clone());
        let help = "Spans that the collector did not take";
        registry.register("ostler_spans_failed", help, self.failed.clone());
    }
}
