//! [`GatewayCollector`]: statistics of services and instances for Prometheus, read when they are collected.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use crate::gateway::{
    figures::{GatewayStats, InstanceStats, ServiceStats},
    health::BreakerState,
    live_table::LiveTable,
};

/// Upper bounds of the latency buckets, in seconds: from an instance on this machine to the usual timeouts.
const LATENCY_BOUNDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Collects the statistics of all services.
pub(crate) struct GatewayCollector(pub(super) Arc<LiveTable>);

impl fmt::Debug for GatewayCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayCollector").finish_non_exhaustive()
    }
}

impl Collector for GatewayCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let table = self.0.table.load();
        let services = GatewayStats::of(&table).services;
        if services.is_empty() {
            return Ok(());
        }
        of_services(&services, &mut encoder)?;
        of_instances(&services, &mut encoder)?;
        let help = "Seconds from choosing an instance to the head of its answer";
        let name = "ostler_gateway_request_duration_seconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for service in table.services() {
            let spread = service.latencies(LATENCY_BOUNDS);
            let labels = [("service", service.spec().name.as_str())];
            let mut one = metric.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(spread.sum.as_secs_f64(), spread.count, &spread.buckets, None)?;
        }
        Ok(())
    }
}

/// A metric's name, help and type, and the function that reads it.
type Metric<T> = (&'static str, &'static str, MetricType, fn(&T) -> u64);

const OF_SERVICES: [Metric<ServiceStats>; 4] = [
    ("ostler_gateway_retries", "Requests sent to another instance after one failed", MetricType::Counter, |one| {
        one.retries
    }),
    ("ostler_gateway_no_instance", "Requests that no instance could take", MetricType::Counter, |one| one.no_instance),
    ("ostler_gateway_rate_limited", "Requests over a service's rate limit", MetricType::Counter, |one| {
        one.rate_limited
    }),
    ("ostler_gateway_in_flight", "Requests in flight", MetricType::Gauge, |one| one.in_flight),
];

const OF_INSTANCES: [Metric<InstanceStats>; 4] = [
    ("ostler_gateway_requests", "Requests sent to an instance", MetricType::Counter, |one| one.requests),
    ("ostler_gateway_ejections", "How often an instance's breaker opened", MetricType::Counter, |one| {
        one.breaker.ejections.into()
    }),
    ("ostler_gateway_instance_in_flight", "Requests in flight at an instance", MetricType::Gauge, |one| one.in_flight),
    ("ostler_gateway_instance_available", "Whether an instance would get a request", MetricType::Gauge, |one| {
        one.available.into()
    }),
];

fn of_services(services: &[ServiceStats], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    for (name, help, kind, read) in OF_SERVICES {
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for service in services {
            put(metric.encode_family(&[("service", service.name.as_str())])?, kind, read(service))?;
        }
    }
    Ok(())
}

fn of_instances(services: &[ServiceStats], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let all = || {
        let of = |service: &ServiceStats, one: &InstanceStats| (service.name.clone(), place(one));
        services.iter().flat_map(move |service| service.instances.iter().map(move |one| (of(service, one), one)))
    };
    for (name, help, kind, read) in OF_INSTANCES {
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for ((service, place), one) in all() {
            put(metric.encode_family(&[("service", &*service), ("upstream", &*place)])?, kind, read(one))?;
        }
    }
    let help = "Requests that an instance failed, by what went wrong";
    let mut metric = encoder.encode_descriptor("ostler_gateway_errors", help, None, MetricType::Counter)?;
    for ((service, place), one) in all() {
        for (reason, count) in reasons(one) {
            let labels = [("service", &*service), ("upstream", &*place), ("reason", reason)];
            put(metric.encode_family(&labels)?, MetricType::Counter, count)?;
        }
    }
    let help = "The state of an instance's breaker: 1 for the one it is in";
    let mut metric = encoder.encode_descriptor("ostler_gateway_breaker", help, None, MetricType::Gauge)?;
    for ((service, place), one) in all() {
        for (state, name) in STATES {
            let labels = [("service", &*service), ("upstream", &*place), ("state", name)];
            put(metric.encode_family(&labels)?, MetricType::Gauge, (one.breaker.state == state).into())?;
        }
    }
    Ok(())
}

const STATES: [(BreakerState, &str); 3] =
    [(BreakerState::Closed, "closed"), (BreakerState::Open, "open"), (BreakerState::HalfOpen, "half_open")];

fn reasons(InstanceStats { errors, .. }: &InstanceStats) -> [(&'static str, u64); 6] {
    [
        ("connect", errors.connect),
        ("timeout", errors.timeout),
        ("reset", errors.reset),
        ("protocol", errors.protocol),
        ("server_error", errors.server_error),
        ("aborted", errors.aborted),
    ]
}

fn place(one: &InstanceStats) -> String {
    format!("{}:{}", one.host, one.port)
}

fn put(mut metric: MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    if matches!(kind, MetricType::Gauge) {
        metric.encode_gauge(&value)
    } else {
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }
}
