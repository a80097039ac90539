//! [`Metrics`]: counters and durations of tool calls, MCP operations and sessions.

mod tool_names;

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        histogram::Histogram,
    },
    registry::Registry,
};

use crate::telemetry::{
    labels::{OperationLabels, SessionLabels},
    outcome::{NoResponse, OperationOutcome},
    span_kind::SpanKind,
};

use tool_names::ToolNames;

/// Upper bounds of the buckets of tool calls, in seconds: from a fast pipe to the longest usual deadline.
const CALL_BOUNDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// Upper bounds of the buckets of operations and sessions, in seconds, as OpenTelemetry's conventions advise.
const OPERATION_BOUNDS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Counters and durations of one runtime.
pub(crate) struct Metrics {
    calls: Family<CallLabels, Counter>,
    call_durations: Histogram,
    rejected_calls: Counter,
    restarts: Counter,
    quarantined_tools: Counter,
    server_operations: OperationHistograms,
    client_operations: OperationHistograms,
    server_sessions: SessionHistograms,
    client_sessions: SessionHistograms,
    tool_names: ToolNames,
}

type OperationHistograms = Family<OperationLabels, Histogram, OperationBuckets>;

type SessionHistograms = Family<SessionLabels, Histogram, OperationBuckets>;

/// Makes histograms of operations.
#[derive(Clone)]
struct OperationBuckets;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    outcome: CallOutcomeLabel,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum CallOutcomeLabel {
    Succeeded,
    Failed,
    Unavailable,
    Expired,
    Cancelled,
}

impl MetricConstructor<Histogram> for OperationBuckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(OPERATION_BOUNDS)
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            calls: Family::default(),
            call_durations: Histogram::new(CALL_BOUNDS),
            rejected_calls: Counter::default(),
            restarts: Counter::default(),
            quarantined_tools: Counter::default(),
            server_operations: Family::new_with_constructor(OperationBuckets),
            client_operations: Family::new_with_constructor(OperationBuckets),
            server_sessions: Family::new_with_constructor(OperationBuckets),
            client_sessions: Family::new_with_constructor(OperationBuckets),
            tool_names: ToolNames::default(),
        }
    }

    /// Counts a tool call on record.
    pub(crate) fn call_recorded(&self, outcome: OperationOutcome<'_>, milliseconds: i64) {
        self.calls.get_or_create(&CallLabels { outcome: outcome.into() }).inc();
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        self.call_durations.observe(f64::from(milliseconds) / 1000.0);
    }

    /// Counts a tool call that was not admitted, as too many were in flight.
    pub(crate) fn call_rejected(&self) {
        self.rejected_calls.inc();
    }

    /// Counts a restart of a server after a failure.
    pub(crate) fn server_restarted(&self) {
        self.restarts.inc();
    }

    /// Counts tools that were quarantined, as they are not as they were accepted.
    pub(crate) fn tools_quarantined(&self, count: usize) {
        self.quarantined_tools.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Restarts of servers after failures, since the runtime started.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.get()
    }

    /// Counts a session of an MCP client that has ended.
    pub(crate) fn server_session_ended(&self, protocol_version: &str, lasted: Duration) {
        let labels = SessionLabels::new(protocol_version, "tcp");
        self.server_sessions.get_or_create(&labels).observe(lasted.as_secs_f64());
    }

    /// Counts a process of an MCP server that has ended, or a session with a remote one.
    pub(crate) fn client_session_ended(&self, protocol_version: &str, is_remote: bool, lasted: Duration) {
        let labels = SessionLabels::new(protocol_version, if is_remote { "tcp" } else { "pipe" });
        self.client_sessions.get_or_create(&labels).observe(lasted.as_secs_f64());
    }

    pub(super) fn operation_ended(&self, kind: SpanKind, labels: &OperationLabels, lasted: Duration) {
        let family = if kind == SpanKind::Server { &self.server_operations } else { &self.client_operations };
        family.get_or_create(labels).observe(lasted.as_secs_f64());
    }

    pub(super) fn tool_label(&self, name: &str, is_listed: impl FnOnce() -> bool) -> Arc<str> {
        self.tool_names.label(name, is_listed)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("ostler_tool_calls", "Tool calls on record, by outcome", self.calls.clone());
        let help = "Seconds from dispatch to answer of tool calls";
        registry.register("ostler_tool_call_duration_seconds", help, self.call_durations.clone());
        let help = "Calls refused because a server or the recorder had as many as they take";
        registry.register("ostler_calls_refused", help, self.rejected_calls.clone());
        registry.register("ostler_server_restarts", "Restarts of servers after failures", self.restarts.clone());
        let help = "Tools that were quarantined, as they are not as they were accepted";
        registry.register("ostler_tools_quarantined", help, self.quarantined_tools.clone());
        let help = "Seconds that requests of MCP clients took";
        registry.register("mcp_server_operation_duration_seconds", help, self.server_operations.clone());
        let help = "Seconds that requests to MCP servers took";
        registry.register("mcp_client_operation_duration_seconds", help, self.client_operations.clone());
        let help = "Seconds that sessions of MCP clients lasted";
        registry.register("mcp_server_session_duration_seconds", help, self.server_sessions.clone());
        let help = "Seconds that processes of MCP servers, and sessions with remote ones, took calls";
        registry.register("mcp_client_session_duration_seconds", help, self.client_sessions.clone());
    }
}

impl From<OperationOutcome<'_>> for CallOutcomeLabel {
    fn from(outcome: OperationOutcome<'_>) -> Self {
        match outcome {
            OperationOutcome::Success => Self::Succeeded,
            OperationOutcome::ToolError
            | OperationOutcome::RpcError(_)
            | OperationOutcome::NoResponse(NoResponse::Quarantined) => Self::Failed,
            OperationOutcome::NoResponse(NoResponse::ServerUnavailable) => Self::Unavailable,
            OperationOutcome::NoResponse(NoResponse::Timeout) => Self::Expired,
            OperationOutcome::NoResponse(NoResponse::Cancelled) => Self::Cancelled,
        }
    }
}
