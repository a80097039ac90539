//! Figures for Prometheus.

mod operations;
mod services;

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    gateway::Gateway,
    mcp::convert,
    registry::Registered,
    runtime::{Runtime, dispatch::Reply, usage},
    supervisor::Availability,
    telemetry::{Kind, Tracer},
};

pub(super) use operations::{Failing, OperationLabels, SessionLabels};

use operations::OTHER;
use services::ServicesFigures;

/// Upper bounds of the latency buckets, in seconds: from a fast pipe to the longest usual deadline.
const BUCKETS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// Tools that are told apart; those beyond are one.
const MOST_TOOLS: usize = 500;

/// Counters of one runtime.
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    durations: Histogram,
    refused: Counter,
    restarts: Counter,
    servers: Family<ServerLabels, Gauge>,
    usage: usage::Gauges,
    up: Family<UpLabels, Gauge>,
    ready: Family<ReadyLabels, Gauge>,
    asked: Operations,
    asking: Operations,
    sessions: Sessions,
    sessions_with_us: Sessions,
    tools: RwLock<HashSet<Arc<str>>>,
}

type Operations = Family<OperationLabels, Histogram, operations::Buckets>;

type Sessions = Family<SessionLabels, Histogram, operations::Buckets>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    outcome: CallOutcome,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum CallOutcome {
    Succeeded,
    Failed,
    Unavailable,
    Expired,
    Cancelled,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServerLabels {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UpLabels {
    server_id: String,
    server_name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReadyLabels {
    check: &'static str,
}

impl Metrics {
    pub fn new(tracer: &Tracer, gateway: Gateway) -> Self {
        let operations = || Family::new_with_constructor(operations::Buckets);
        let sessions = || Family::new_with_constructor(operations::Buckets);
        let metrics = Self {
            registry: Registry::default(),
            calls: Family::default(),
            durations: Histogram::new(BUCKETS),
            refused: Counter::default(),
            restarts: Counter::default(),
            servers: Family::default(),
            usage: usage::Gauges::default(),
            up: Family::default(),
            ready: Family::default(),
            asked: operations(),
            asking: operations(),
            sessions: sessions(),
            sessions_with_us: sessions(),
            tools: RwLock::default(),
        };
        metrics.registered(tracer, gateway)
    }

    /// Counts a finished call.
    pub fn called(&self, reply: &Reply, milliseconds: i64) {
        let outcome = match reply {
            Reply::Succeeded(_) => CallOutcome::Succeeded,
            Reply::Failed { .. } | Reply::Refused { .. } => CallOutcome::Failed,
            Reply::Unavailable(_) => CallOutcome::Unavailable,
            Reply::Expired => CallOutcome::Expired,
            Reply::Cancelled => CallOutcome::Cancelled,
        };
        self.calls.get_or_create(&CallLabels { outcome }).inc();
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        self.durations.observe(f64::from(milliseconds) / 1000.0);
    }

    /// Counts a call that was not made, as there were too many already.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a request of MCP that has ended.
    pub fn operated(&self, kind: Kind, labels: &OperationLabels, lasted: Duration) {
        let family = if kind == Kind::Server { &self.asked } else { &self.asking };
        family.get_or_create(labels).observe(lasted.as_secs_f64());
    }

    /// Counts a session that has ended: of a client with us, or of ours with a server.
    pub fn parted(&self, kind: Kind, labels: &SessionLabels, lasted: Duration) {
        let family = if kind == Kind::Server { &self.sessions_with_us } else { &self.sessions };
        family.get_or_create(labels).observe(lasted.as_secs_f64());
    }

    /// A tool's name as a label. One that its server does not list is none: whoever calls could make up any number.
    pub fn tool(&self, server: &Registered, name: &str) -> Arc<str> {
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tools.get(name) {
            return known.clone();
        }
        let is_full = tools.len() >= MOST_TOOLS;
        drop(tools);
        let lists = |name: &str| {
            let catalogue = server.link.catalogue();
            catalogue.is_some_and(|all| all.tools.iter().any(|tool| convert::name(tool).as_deref() == Some(name)))
        };
        if is_full || !lists(name) {
            return OTHER.into();
        }
        let name: Arc<str> = name.into();
        self.tools.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        name
    }

    pub fn restarted(&self) {
        self.restarts.inc();
    }

    pub fn restarts(&self) -> u64 {
        self.restarts.get()
    }

    fn registered(mut self, tracer: &Tracer, gateway: Gateway) -> Self {
        let registry = &mut self.registry;
        registry.register("ostler_tool_calls", "Tool calls on record, by outcome", self.calls.clone());
        let help = "Seconds from dispatch to answer of tool calls";
        registry.register("ostler_tool_call_duration_seconds", help, self.durations.clone());
        let help = "Calls refused because a server or the recorder had as many as they take";
        registry.register("ostler_calls_refused", help, self.refused.clone());
        registry.register("ostler_server_restarts", "Restarts of servers after failures", self.restarts.clone());
        registry.register("ostler_servers", "Registered servers, by health", self.servers.clone());
        let help = "Whether an enabled server takes calls: 1, or 0 while it is starting or left down";
        registry.register("ostler_server_up", help, self.up.clone());
        registry.register("ostler_ready", "Whether a check of readiness holds", self.ready.clone());
        let help = "Seconds that requests of MCP clients took";
        registry.register("mcp_server_operation_duration_seconds", help, self.asked.clone());
        let help = "Seconds that requests to MCP servers took";
        registry.register("mcp_client_operation_duration_seconds", help, self.asking.clone());
        let help = "Seconds that sessions of MCP clients lasted";
        registry.register("mcp_server_session_duration_seconds", help, self.sessions_with_us.clone());
        let help = "Seconds that processes of MCP servers, and sessions with remote ones, took calls";
        registry.register("mcp_client_session_duration_seconds", help, self.sessions.clone());
        if let Some(figures) = tracer.figures() {
            registry.register("ostler_spans_exported", "Spans that the collector has", figures.exported.clone());
            let help = "Spans that came faster than they could be exported";
            registry.register("ostler_spans_overflowed", help, figures.overflowed.clone());
            let help = "Spans that the collector did not take";
            registry.register("ostler_spans_failed", help, figures.failed.clone());
        }
        self.usage.register(registry);
        registry.register_collector(Box::new(ServicesFigures(gateway)));
        self
    }
}

impl Runtime {
    /// Every figure in the text format of OpenMetrics.
    pub async fn metrics(&self) -> String {
        let metrics = &self.inner.metrics;
        for (check, held) in self.readiness().await.checks {
            metrics.ready.get_or_create(&ReadyLabels { check }).set(held.is_ok().into());
        }
        metrics.servers.clear();
        metrics.up.clear();
        let all = self.inner.registry.all();
        for server in all.values() {
            let view = server.link.view.borrow();
            metrics.servers.get_or_create(&ServerLabels { status: view.health.as_str() }).inc();
            let config = &server.server.load().config;
            if config.enabled {
                let labels = UpLabels { server_id: server.id.to_string(), server_name: config.name.clone() };
                let is_up = matches!(view.availability, Availability::Ready(_));
                metrics.up.get_or_create(&labels).set(is_up.into());
            }
        }
        metrics.usage.show(all.values().filter_map(|server| Some((server, server.link.trees.now()?))));
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &metrics.registry);
        page
    }
}
