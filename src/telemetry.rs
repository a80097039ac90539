//! Spans for an OpenTelemetry collector, and metrics: [`Telemetry`] makes both for each MCP request.
//!
//! A `Span` that ends goes into a bounded queue and never waits; what does not fit is counted. `export` takes it from
//! there, in batches, over OTLP. Where nothing is exported, a span is nothing, and costs a look at whether it is.

#[cfg(feature = "telemetry")]
mod attribute;
#[cfg(feature = "telemetry")]
mod clock;
#[cfg(feature = "telemetry")]
mod collector_remark;
#[cfg(feature = "telemetry")]
mod export;
#[cfg(feature = "telemetry")]
mod export_counters;
mod labels;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
mod no_metrics;
#[cfg(not(feature = "telemetry"))]
mod off;
mod operation;
mod outcome;
mod settings;
#[cfg(feature = "telemetry")]
mod span;
mod span_kind;
#[cfg(feature = "telemetry")]
mod tracer;

use std::{borrow::Cow, sync::Arc};

use crate::{
    mcp::Request,
    model::{CallId, TraceContext},
};

pub use crate::policy::trace_sampling::{RootSampler, TraceSampler};
#[cfg(all(any(test, fuzzing), feature = "telemetry"))]
pub(crate) use collector_remark::CollectorRemark;
#[cfg(feature = "telemetry")]
pub use export_counters::ExportCounters;
#[cfg(feature = "metrics")]
pub(crate) use metrics::Metrics;
#[cfg(not(feature = "metrics"))]
pub(crate) use no_metrics::NoMetrics as Metrics;
#[cfg(not(feature = "telemetry"))]
pub(crate) use off::{NoSpan as Span, NoTracer as Tracer};
pub(crate) use operation::{McpOperation, SentRequest, ServerAttributes};
pub(crate) use outcome::{NoResponse, OperationOutcome};
pub use settings::{SpanExporter, TelemetrySettings};
#[cfg(feature = "telemetry")]
pub(crate) use span::Span;
pub(crate) use span_kind::SpanKind;
#[cfg(feature = "telemetry")]
pub(crate) use tracer::Tracer;

/// Traces and counts MCP requests; cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    tracer: Tracer,
    metrics: Arc<Metrics>,
}

impl Telemetry {
    /// Makes spans with `tracer`; nothing is counted yet.
    #[must_use]
    pub(crate) fn new(tracer: Tracer) -> Self {
        Self { tracer, metrics: Arc::new(Metrics::new()) }
    }

    /// Exports the spans that have ended; waits for that at most 5 s.
    pub async fn flush(&self) {
        self.tracer.flush().await;
    }

    /// Makes spans.
    #[must_use]
    pub(crate) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Counters and durations.
    #[must_use]
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Adds all metrics to a page.
    #[cfg(feature = "metrics")]
    pub(crate) fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.metrics.register(registry);
        #[cfg(feature = "telemetry")]
        if let Some(counters) = self.tracer.export_counters() {
            counters.register(registry);
        }
    }

    /// Begins the operation of a client's request, in the trace that it names itself, or else in that of
    /// `http_request`. Requests to servers on its behalf become part of it.
    #[must_use]
    pub(crate) fn server_operation(&self, request: &mut Request, http_request: Option<TraceContext>) -> McpOperation {
        let (target, parent) = (self.target_of(request), self.parent_of(request).or(http_request));
        let operation = self.begin(SpanKind::Server, &request.method, target.as_deref(), parent);
        let operation = operation.over_http(http_request);
        if let Some(context) = operation.context() {
            request.set_parent(context);
        }
        operation
    }

    /// Begins the operation of a request to a server, in the trace that it names.
    #[must_use]
    pub(crate) fn client_operation(&self, request: &mut Arc<Request>) -> McpOperation {
        let (target, parent) = (self.target_of(request), self.parent_of(request));
        let operation = self.begin(SpanKind::Client, &request.method, target.as_deref(), parent);
        operation.propagate(request);
        operation
    }

    /// Begins the operation of a tool call.
    #[must_use]
    pub(crate) fn tool_call(&self, id: CallId, tool: &str, parent: Option<TraceContext>) -> McpOperation {
        self.begin(SpanKind::Client, "tools/call", Some(tool), parent).with_call_id(id)
    }

    fn begin(&self, kind: SpanKind, method: &str, target: Option<&str>, parent: Option<TraceContext>) -> McpOperation {
        McpOperation::begin(&self.tracer, &self.metrics, kind, method, target, parent)
    }

    /// The span that a request names as its parent. Read only where spans are made, as reading takes a parse.
    fn parent_of(&self, request: &Request) -> Option<TraceContext> {
        let header = self.tracer.is_on().then(|| request.traceparent())?;
        TraceContext::parse(&header?)
    }

    /// The name of the tool or prompt that a request is about, read as rarely.
    fn target_of(&self, request: &Request) -> Option<Cow<'static, str>> {
        let has_target = matches!(request.method.as_str(), "tools/call" | "prompts/get");
        let name = (has_target && self.tracer.is_on()).then(|| request.params.text("name"))?;
        name.map(Cow::Owned)
    }
}
