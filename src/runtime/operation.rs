//! [`Operation`]: one request of MCP as traces and figures know it (OpenTelemetry's conventions for MCP).
//!
//! Who asks us sees a server, whom we ask sees a client, so a request that passes through is two operations. Neither says
//! anything of arguments, results or URIs.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    mcp::{Request, RpcError},
    model::TraceContext,
    policy::remote,
    registry::Registered,
    runtime::{
        Runtime,
        calls::Call,
        dispatch::Sent,
        metrics::{Failing, OperationLabels, SessionLabels},
    },
    telemetry::{Kind, Span, Tracer},
};

/// The shortest wait for a server that is worth a span.
const WORTH_TELLING: Duration = Duration::from_millis(1);

/// A request under way; one that is dropped before it was said to have ended was cancelled.
pub struct Operation {
    runtime: Runtime,
    kind: Kind,
    parent: Option<TraceContext>,
    span: Span,
    began: Instant,
    labels: OperationLabels,
}

/// How it went.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// There is a result.
    Well,
    /// There is one, in which the tool says that it failed.
    ToolFailed,
    /// There is an error instead: this JSON-RPC error object.
    Refused(&'a RawValue),
    /// There is no answer, for this reason, one of few words.
    Failed(&'static str),
}

impl Runtime {
    /// Where spans begin.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.inner.tracer
    }

    /// Begins a request that came to us: in the trace that it names itself, or else in that of `around`, the HTTP request.
    /// What is asked of a server on its behalf is part of it from now on.
    #[must_use]
    pub fn operation_for(&self, request: &mut Request, around: Option<TraceContext>) -> Operation {
        let named = self.named(request);
        let mut operation = self.operation(Kind::Server, &request.method, self.target(request), named.or(around));
        if let Some(around) = around.filter(|around| named.is_some_and(|named| named != *around)) {
            operation.span.link(around);
        }
        operation.span.text("network.transport", "tcp");
        operation.span.text("network.protocol.name", "http");
        operation.labels.network_transport = "tcp";
        if let Some(context) = operation.span.context() {
            request.set_trace(&context.to_string());
        }
        operation
    }

    /// Begins a request that goes to a server.
    pub(super) fn operation_to(&self, server: &Registered, request: &mut Arc<Request>) -> Operation {
        let operation = self.operation(Kind::Client, &request.method, self.target(request), self.named(request));
        pass_on(request, &operation.span);
        operation.at(server)
    }

    /// Begins a tool call.
    pub(super) fn operation_of(&self, call: &mut Call) -> Operation {
        let parent = if self.tracer().is_on() { call.context() } else { None };
        let mut operation = self.operation(Kind::Client, "tools/call", Some(Cow::Borrowed(&call.tool)), parent);
        if operation.span.is_recorded() {
            operation.span.text("ostler.call.id", &call.id.to_string());
        }
        let operation = operation.at(&call.server);
        match (operation.span.context(), &mut call.whole) {
            (Some(_), Some((request, _))) => pass_on(request, &operation.span),
            (Some(context), None) => call.trace = Some(context),
            (None, _) => {}
        }
        operation
    }

    /// The span that a request names as the one it is made in; looked for only where spans are made.
    fn named(&self, request: &Request) -> Option<TraceContext> {
        let named = self.tracer().is_on().then(|| request.traceparent())?;
        TraceContext::parse(&named?)
    }

    /// The name of the tool or prompt that a request is about; looked for as seldom.
    fn target(&self, request: &Request) -> Option<Cow<'static, str>> {
        let is_about_one = matches!(request.method.as_str(), "tools/call" | "prompts/get");
        let name = (is_about_one && self.tracer().is_on()).then(|| request.params.text("name"))?;
        name.map(Cow::Owned)
    }

    /// Counts a session of a client that has ended, and what revision it spoke.
    pub fn session_ended(&self, version: &str, lasted: Duration) {
        self.inner.metrics.parted(Kind::Server, &SessionLabels::of(version, true), lasted);
    }

    fn operation(
        &self,
        kind: Kind,
        method: &str,
        target: Option<Cow<'_, str>>,
        parent: Option<TraceContext>,
    ) -> Operation {
        let target = target.as_deref();
        let name = || target.map_or_else(|| method.to_owned(), |target| format!("{method} {target}"));
        let mut span = self.inner.tracer.span(kind, parent, name);
        span.text("mcp.method.name", method);
        if method == "tools/call" {
            span.text("gen_ai.operation.name", "execute_tool");
        }
        let named = if method == "prompts/get" { "gen_ai.prompt.name" } else { "gen_ai.tool.name" };
        target.iter().for_each(|target| span.text(named, target));
        let (runtime, labels) = (self.clone(), OperationLabels::of(method));
        Operation { runtime, kind, parent, span, began: Instant::now(), labels }
    }
}

impl Operation {
    /// Says who asks: the request's id, the revision, and the session where there is one.
    #[must_use]
    pub fn by(mut self, id: Option<&RawValue>, version: &str, session: Option<&uuid::Uuid>) -> Self {
        id.iter().for_each(|id| self.span.text("jsonrpc.request.id", id.get().trim_matches('"')));
        if self.span.is_recorded() {
            session.iter().for_each(|session| self.span.text("mcp.session.id", &session.to_string()));
        }
        self.version(version);
        self
    }

    /// Says which server is asked.
    fn at(mut self, server: &Registered) -> Self {
        let config = server.server.load();
        let remote = config.config.remote.as_ref();
        self.labels.network_transport = if remote.is_some() { "tcp" } else { "pipe" };
        self.span.text("network.transport", self.labels.network_transport);
        if self.span.is_recorded() {
            self.span.text("ostler.server.id", &server.id.to_string());
            self.span.text("ostler.server.name", &config.config.name);
            if let Some((_, host, port)) = remote.and_then(|remote| remote::origin(&remote.url)) {
                self.span.text("server.address", &host);
                self.span.number("server.port", port);
            }
        }
        self
    }

    /// Says when it was sent, and to which process. What it waited before that is a span of its own.
    pub(super) fn sent(mut self, Sent { at, to }: &Sent) -> Self {
        let Some((instance, id)) = to else { return self };
        if let Some(version) = instance.version() {
            self.version(&version);
        }
        if self.span.is_recorded() {
            self.span.text("jsonrpc.request.id", &id.to_string());
        }
        if at.saturating_duration_since(self.began) >= WORTH_TELLING {
            let wait = || "wait for server".to_owned();
            let mut waited = self.runtime.inner.tracer.span(Kind::Internal, self.parent, wait);
            waited.began_at(self.began);
            waited.end_at(*at);
        }
        self.span.began_at(*at);
        self.began = *at;
        self
    }

    /// Says which tool was called; once it was, as a server that has just started lists none before.
    pub(super) fn called(mut self, call: &Call) -> Self {
        self.labels.gen_ai_tool_name = self.runtime.inner.metrics.tool(&call.server, &call.tool);
        self
    }

    /// It has ended.
    pub fn end(mut self, ended: Ended<'_>) {
        match ended {
            Ended::Well => {}
            Ended::ToolFailed => self.fail(Failing::ToolError),
            Ended::Refused(error) => {
                let said: Option<RpcError> = serde_json::from_str(error.get()).ok();
                let code = said.map_or(0, |said| said.code);
                self.span.text("rpc.response.status_code", &code.to_string());
                self.fail(Failing::Code(code));
            }
            Ended::Failed(why) => self.fail(Failing::Word(why)),
        }
        self.runtime.inner.metrics.operated(self.kind, &self.labels, self.began.elapsed());
        self.span.end();
    }

    fn fail(&mut self, failing: Failing) {
        self.span.fail(&failing.to_string());
        self.labels.failing(failing);
    }

    fn version(&mut self, version: &str) {
        self.span.text("mcp.protocol.version", version);
        self.labels.version(version);
    }
}

/// Has whoever gets the request know of the span.
fn pass_on(request: &mut Arc<Request>, span: &Span) {
    if let Some(context) = span.context() {
        Arc::make_mut(request).set_trace(&context.to_string());
    }
}
