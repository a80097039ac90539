//! The page of metrics for Prometheus.

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{history::UsageGauges, runtime::Services, supervisor::Availability, telemetry::Telemetry};

/// Metrics of all parts, and gauges of the moment at which the page is read.
pub(super) struct MetricsPage {
    registry: Registry,
    servers: Family<ServerLabels, Gauge>,
    up: Family<UpLabels, Gauge>,
    ready: Family<ReadyLabels, Gauge>,
    head_deliveries: Family<ReceiverLabels, Gauge>,
    usage: UsageGauges,
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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReceiverLabels {
    receiver: &'static str,
}

impl MetricsPage {
    /// Registers the metrics of all parts.
    pub(super) fn new(telemetry: &Telemetry, services: &Services) -> Self {
        let mut registry = Registry::default();
        telemetry.register(&mut registry);
        let (servers, up, ready) = (Family::default(), Family::default(), Family::default());
        registry.register("ostler_servers", "Registered servers, by health", servers.clone());
        let help = "Whether an enabled server takes calls: 1, or 0 while it is starting or left down";
        registry.register("ostler_server_up", help, up.clone());
        registry.register("ostler_ready", "Whether a check of readiness holds", ready.clone());
        let head_deliveries = Family::default();
        let help = "Whether a receiver took the last head of the audit log that it was sent";
        registry.register("ostler_audit_head_delivered", help, head_deliveries.clone());
        let usage = UsageGauges::default();
        usage.register(&mut registry);
        services.register(&mut registry);
        Self { registry, servers, up, ready, head_deliveries, usage }
    }

    /// The page, in the text format of OpenMetrics, with these checks of readiness and receivers of audit heads.
    pub(super) fn render(
        &self,
        checks: Vec<(&'static str, Result<(), String>)>,
        receivers: Vec<(&'static str, bool)>,
        servers: &crate::registry::Registry,
    ) -> String {
        for (check, held) in checks {
            self.ready.get_or_create(&ReadyLabels { check }).set(held.is_ok().into());
        }
        for (receiver, is_delivered) in receivers {
            self.head_deliveries.get_or_create(&ReceiverLabels { receiver }).set(is_delivered.into());
        }
        let all = servers.all();
        for server in all.values() {
            let view = server.link.view.borrow();
            self.servers.get_or_create(&ServerLabels { status: view.health.as_str() }).inc();
            let config = &server.server.load().config;
            if config.enabled {
                let labels = UpLabels { server_id: server.id.to_string(), server_name: config.name.clone() };
                let is_up = matches!(view.availability, Availability::Ready(_));
                self.up.get_or_create(&labels).set(is_up.into());
            }
        }
        self.usage.set(all.values());
        let mut encoded = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut encoded, &self.registry);
        encoded
    }
}
