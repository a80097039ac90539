//! [`McpOperation`]: the span and the metrics of one MCP request (OpenTelemetry's conventions for MCP).
//!
//! A client's request is a server operation, and a request to a server a client operation, so one that passes through
//! is both. Neither holds arguments, results or URIs.
//!
//! An operation is made for each client's request (`bridge/span.rs`) and for each request to a server
//! (`calls/operation.rs`). If spans are made, a request carries the context of its parent as a `traceparent`, so
//! nothing else is handed down.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    mcp::{Request, RpcError},
    model::{CallId, ServerId, TraceContext},
    policy::remote,
    telemetry::{
        labels::{ErrorType, OperationLabels},
        outcome::OperationOutcome,
        span_kind::SpanKind,
        {Metrics, Span, Tracer},
    },
};

/// The shortest wait for a server with a span of its own: below it, the wait is that of the scheduler.
const WAIT_SPAN_MIN: Duration = Duration::from_millis(1);

/// A request in flight; dropped before it was [ended](McpOperation::end), it was cancelled.
pub(crate) struct McpOperation {
    tracer: Tracer,
    metrics: Arc<Metrics>,
    kind: SpanKind,
    parent: Option<TraceContext>,
    span: Span,
    began: Instant,
    labels: OperationLabels,
}

/// The server that a request goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerAttributes<'a> {
    /// Its id.
    pub id: ServerId,
    /// Its name.
    pub name: &'a str,
    /// Its URL where it is remote, of which only host and port are exported.
    pub remote_url: Option<&'a str>,
}

/// A request as a process got it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentRequest<'a> {
    /// The moment it was sent.
    pub at: Instant,
    /// Its JSON-RPC id there.
    pub id: u64,
    /// The protocol version negotiated with the process, where it is known.
    pub protocol_version: Option<&'a str>,
}

impl McpOperation {
    pub(super) fn begin(
        tracer: &Tracer,
        metrics: &Arc<Metrics>,
        kind: SpanKind,
        method: &str,
        target: Option<&str>,
        parent: Option<TraceContext>,
    ) -> Self {
        let name = || target.map_or_else(|| method.to_owned(), |target| format!("{method} {target}"));
        let mut span = tracer.span(kind, parent, name);
        span.text("mcp.method.name", method);
        if method == "tools/call" {
            span.text("gen_ai.operation.name", "execute_tool");
        }
        let attribute = if method == "prompts/get" { "gen_ai.prompt.name" } else { "gen_ai.tool.name" };
        target.iter().for_each(|target| span.text(attribute, target));
        let (tracer, metrics, labels) = (tracer.clone(), metrics.clone(), OperationLabels::new(method));
        Self { tracer, metrics, kind, parent, span, began: Instant::now(), labels }
    }

    /// Adds that it came over HTTP, as part of the trace of the HTTP request where it does not name one itself.
    pub(super) fn over_http(mut self, http_request: Option<TraceContext>) -> Self {
        if let Some(http_request) = http_request.filter(|context| self.parent != Some(*context)) {
            self.span.link(http_request);
        }
        self.labels.network_transport = "tcp";
        self.span.text("network.transport", "tcp");
        self.span.text("network.protocol.name", "http");
        self
    }

    pub(super) fn with_call_id(mut self, id: CallId) -> Self {
        if self.span.is_recorded() {
            self.span.text("ostler.call.id", &id.to_string());
        }
        self
    }

    /// Adds the client's request id, its protocol version, and its session where it has one.
    #[must_use]
    pub(crate) fn with_client(mut self, request_id: Option<&RawValue>, version: &str, session: Option<&Uuid>) -> Self {
        request_id.iter().for_each(|id| self.span.text("jsonrpc.request.id", id.get().trim_matches('"')));
        if self.span.is_recorded() {
            session.iter().for_each(|session| self.span.text("mcp.session.id", &session.to_string()));
        }
        self.set_protocol_version(version);
        self
    }

    /// Adds the server that is asked.
    #[must_use]
    pub(crate) fn with_server(mut self, server: ServerAttributes<'_>) -> Self {
        self.labels.network_transport = if server.remote_url.is_some() { "tcp" } else { "pipe" };
        self.span.text("network.transport", self.labels.network_transport);
        if self.span.is_recorded() {
            self.span.text("ostler.server.id", &server.id.to_string());
            self.span.text("ostler.server.name", server.name);
            if let Some((_, host, port)) = server.remote_url.and_then(remote::origin) {
                self.span.text("server.address", &host);
                self.span.number("server.port", port);
            }
        }
        self
    }

    /// Begins it again at the moment it was sent; the wait before that becomes a span of its own.
    #[must_use]
    pub(crate) fn with_sent_request(mut self, sent: SentRequest<'_>) -> Self {
        if let Some(version) = sent.protocol_version {
            self.set_protocol_version(version);
        }
        if self.span.is_recorded() {
            self.span.text("jsonrpc.request.id", &sent.id.to_string());
        }
        if sent.at.saturating_duration_since(self.began) >= WAIT_SPAN_MIN {
            let mut wait = self.tracer.span(SpanKind::Internal, self.parent, || "wait for server".to_owned());
            wait.began_at(self.began);
            wait.end_at(sent.at);
        }
        self.span.began_at(sent.at);
        self.began = sent.at;
        self
    }

    /// Adds the tool to the metrics, by name where `is_listed` by its server.
    #[must_use]
    pub(crate) fn with_tool(mut self, name: &str, is_listed: impl FnOnce() -> bool) -> Self {
        self.labels.gen_ai_tool_name = self.metrics.tool_label(name, is_listed);
        self
    }

    /// The context of its span; `None` where no spans are made.
    #[must_use]
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.span.context()
    }

    /// Makes its span the parent of what is done for `request`.
    pub(crate) fn propagate(&self, request: &mut Arc<Request>) {
        if let Some(context) = self.span.context() {
            Arc::make_mut(request).set_parent(context);
        }
    }

    /// Ends the span, and counts the operation.
    pub(crate) fn end(mut self, outcome: OperationOutcome<'_>) {
        match outcome {
            OperationOutcome::Success => {}
            OperationOutcome::ToolError => self.fail(ErrorType::ToolError),
            OperationOutcome::RpcError(error) => {
                let code = RpcError::read(error).code;
                self.span.text("rpc.response.status_code", &code.to_string());
                self.fail(ErrorType::Code(code));
            }
            OperationOutcome::NoResponse(reason) => self.fail(ErrorType::NoResponse(reason)),
        }
        self.metrics.operation_ended(self.kind, &self.labels, self.began.elapsed());
        self.span.end();
    }

    fn fail(&mut self, error_type: ErrorType) {
        self.span.fail(&error_type.to_string());
        self.labels.set_error_type(error_type);
    }

    fn set_protocol_version(&mut self, version: &str) {
        self.span.text("mcp.protocol.version", version);
        self.labels.set_protocol_version(version);
    }
}
