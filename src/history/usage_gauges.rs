//! [`UsageGauges`]: resources that servers use, for Prometheus.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::registry::Registered;

/// Gauges of the resources that each running server uses.
#[derive(Default)]
pub(crate) struct UsageGauges {
    cpu: Family<UsageLabels, Gauge<f64, AtomicU64>>,
    memory: Family<UsageLabels, Gauge>,
    descriptors: Family<UsageLabels, Gauge>,
    processes: Family<UsageLabels, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UsageLabels {
    server: String,
    name: String,
}

impl UsageGauges {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Processor cores that a server's processes use";
        registry.register("ostler_server_cpu_cores", help, self.cpu.clone());
        let help = "Memory that a server's processes use";
        registry.register_with_unit("ostler_server_memory", help, Unit::Bytes, self.memory.clone());
        let help = "File descriptors that a server's processes hold";
        registry.register("ostler_server_open_descriptors", help, self.descriptors.clone());
        registry.register("ostler_server_processes", "Processes of a server", self.processes.clone());
    }

    /// Sets the gauges to the usage of running servers.
    pub(crate) fn set<'a>(&self, servers: impl Iterator<Item = &'a Arc<Registered>>) {
        let Self { cpu, memory, descriptors, processes } = self;
        for (server, usage) in servers.filter_map(|server| Some((server, server.link.trees.now()?))) {
            let labels = UsageLabels { server: server.id.to_string(), name: server.server.load().config.name.clone() };
            cpu.get_or_create(&labels).set(usage.cpu);
            let sums = [(memory, usage.memory), (descriptors, usage.descriptors), (processes, usage.processes)];
            for (gauge, value) in sums {
                gauge.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }
}
