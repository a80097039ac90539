//! [`NoTracer`] and [`NoSpan`] of a build without the feature `telemetry`: spans are nothing.

use tokio::time::Instant;

use crate::{
    model::TraceContext,
    telemetry::{settings::TelemetrySettings, span_kind::SpanKind},
};

/// Makes no spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoTracer;

/// No span.
#[derive(Debug, Default)]
pub(crate) struct NoSpan(());

impl NoTracer {
    /// Exports nothing, and says so where `settings` name a collector.
    pub(crate) fn start(settings: &TelemetrySettings) -> Self {
        if settings.url().is_some() {
            log::warn!("no traces are exported: this program was built without the feature `telemetry`");
        }
        Self
    }

    /// Returns false: no spans are made.
    #[must_use]
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    /// Waits for nothing.
    pub(crate) async fn flush(&self) {}

    /// Begins nothing.
    #[must_use]
    pub(crate) fn span(
        &self,
        _kind: SpanKind,
        _parent: Option<TraceContext>,
        _name: impl FnOnce() -> String,
    ) -> NoSpan {
        NoSpan(())
    }
}

/// The methods of a span that is not recorded.
impl NoSpan {
    pub(crate) fn is_recorded(&self) -> bool {
        false
    }

    pub(crate) fn context(&self) -> Option<TraceContext> {
        None
    }

    pub(crate) fn text(&mut self, _name: &'static str, _value: &str) {}

    pub(crate) fn number(&mut self, _name: &'static str, _value: impl Into<i64>) {}

    pub(crate) fn fail(&mut self, _kind: &str) {}

    pub(crate) fn link(&mut self, _other: TraceContext) {}

    pub(crate) fn began_at(&mut self, _moment: Instant) {}

    pub(crate) fn known_as(&mut self, _context: Option<TraceContext>) {}

    pub(crate) fn give_name(&mut self) -> Option<TraceContext> {
        None
    }

    pub(crate) fn end(self) {}

    pub(crate) fn end_at(self, _moment: Instant) {}
}
