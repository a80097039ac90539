//! What servers use, sampled for as long as the runtime lives.

use std::{
    sync::{Arc, Weak, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{Principal, ServerId, Usage},
    policy::permission,
    registry::Registered,
    runtime::{Inner, Runtime},
    supervisor::Sampler,
    tasks::blocking,
};

/// The time between two samples.
const EVERY: Duration = Duration::from_secs(10);

/// What all processes of a server use, those that they started included.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageHistory {
    /// As of the last sample; null where nothing runs, or only since a moment ago.
    pub now: Option<Usage>,
    /// One each 10 s while something ran, oldest first, for an hour.
    pub samples: Vec<Usage>,
}

impl Runtime {
    /// What the processes of a server use and used.
    pub fn usage(&self, who: &Principal, id: ServerId) -> Result<UsageHistory> {
        let server = self.inner.registry.reach(who, id, permission::READS, "server.usage")?;
        let trees = &server.link.trees;
        Ok(UsageHistory { now: trees.now(), samples: trees.samples() })
    }
}

/// Samples every server, for as long as the runtime lives.
pub(super) async fn sample(runtime: Weak<Inner>) {
    let mut sampler = Sampler::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = runtime.upgrade() else { return };
        let servers: Vec<_> = inner.registry.all().values().map(|server| server.link.trees.clone()).collect();
        drop(inner);
        let sampled = blocking(move || {
            sampler.sample(&servers);
            Ok(sampler)
        });
        sampler = sampled.await.unwrap_or_default();
    }
}

/// Usage of servers for Prometheus.
#[derive(Default)]
pub(super) struct UsageGauges {
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
    pub fn register(&self, registry: &mut Registry) {
        let help = "Processor cores that a server's processes use";
        registry.register("ostler_server_cpu_cores", help, self.cpu.clone());
        let help = "Memory that a server's processes use";
        registry.register_with_unit("ostler_server_memory", help, Unit::Bytes, self.memory.clone());
        let help = "File descriptors that a server's processes hold";
        registry.register("ostler_server_open_descriptors", help, self.descriptors.clone());
        registry.register("ostler_server_processes", "Processes of a server", self.processes.clone());
    }

    /// Sets the gauges to the usage of running servers, and removes those of others.
    pub fn set<'a>(&self, servers: impl Iterator<Item = (&'a Arc<Registered>, Usage)>) {
        let Self { cpu, memory, descriptors, processes } = self;
        cpu.clear();
        [memory, descriptors, processes].into_iter().for_each(Family::clear);
        for (server, usage) in servers {
            let labels = UsageLabels { server: server.id.to_string(), name: server.server.load().config.name.clone() };
            cpu.get_or_create(&labels).set(usage.cpu);
            let whole = [(memory, usage.memory), (descriptors, usage.descriptors), (processes, usage.processes)];
            for (gauge, value) in whole {
                gauge.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }
}
