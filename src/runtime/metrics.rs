//! Figures for Prometheus.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::runtime::{Runtime, dispatch::Reply, usage};

/// Upper bounds of the latency buckets, in seconds: from a fast pipe to the longest usual deadline.
const BUCKETS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// Counters of one runtime.
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    durations: Histogram,
    restarts: Counter,
    servers: Family<ServerLabels, Gauge>,
    usage: usage::Gauges,
}

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

impl Metrics {
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            calls: Family::default(),
            durations: Histogram::new(BUCKETS),
            restarts: Counter::default(),
            servers: Family::default(),
            usage: usage::Gauges::default(),
        };
        metrics.registered()
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

    pub fn restarted(&self) {
        self.restarts.inc();
    }

    pub fn restarts(&self) -> u64 {
        self.restarts.get()
    }

    fn registered(mut self) -> Self {
        let Self { registry, calls, durations, restarts, servers, usage } = &mut self;
        registry.register("ostler_tool_calls", "Tool calls on record, by outcome", calls.clone());
        let help = "Seconds from dispatch to answer of tool calls";
        registry.register("ostler_tool_call_duration_seconds", help, durations.clone());
        registry.register("ostler_server_restarts", "Restarts of servers after failures", restarts.clone());
        registry.register("ostler_servers", "Registered servers, by health", servers.clone());
        usage.register(registry);
        self
    }
}

impl Runtime {
    /// Every figure in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        let metrics = &self.inner.metrics;
        metrics.servers.clear();
        let all = self.inner.registry.all();
        for server in all.values() {
            let status = server.link.view.borrow().health.as_str();
            metrics.servers.get_or_create(&ServerLabels { status }).inc();
        }
        metrics.usage.show(all.values().filter_map(|server| Some((server, server.link.trees.now()?))));
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &metrics.registry);
        page
    }
}
