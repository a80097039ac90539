//! Figures: requests, failures by kind and latencies, of each service and instance.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{
        counters::{ErrorCounts, Latency},
        health::{BreakerView, count},
        histogram::Spread,
        service::{Service, WeightedInstance},
        table::Table,
    },
    model::LoadBalancing,
};

/// The figures of all services.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GatewayStats {
    /// Of all together.
    pub summary: StatsTotals,
    /// Of each, by name.
    pub services: Vec<ServiceStats>,
}

/// Figures summed over all services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StatsTotals {
    /// Services registered.
    pub services: u64,
    /// Their instances.
    pub instances: u64,
    /// Requests sent to instances, tries again included.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Requests in flight.
    pub in_flight: u64,
}

/// The figures of one service, since it was registered or Ostler started.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServiceStats {
    /// The service.
    pub name: String,
    /// Strategy by which its instances are chosen.
    pub load_balancing: LoadBalancing,
    /// Requests sent to instances, tries again included.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests sent to another instance after one failed.
    pub retries: u64,
    /// Requests that no instance could take.
    pub no_instance: u64,
    /// Requests over the service's rate limit.
    pub rate_limited: u64,
    /// Latency of answers; `null` before the first.
    pub latency: Option<Latency>,
    /// Of each instance.
    pub instances: Vec<InstanceStats>,
}

/// The figures of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InstanceStats {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its weight.
    pub weight: u32,
    /// True while it is drained: only its requests in flight go on.
    pub draining: bool,
    /// Requests sent to it.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Its requests in flight.
    pub in_flight: u64,
    /// Latency of its answers; `null` before the first.
    pub latency: Option<Latency>,
    /// True where it would get a request now.
    pub available: bool,
    /// Its circuit breaker.
    pub breaker: BreakerView,
}

impl GatewayStats {
    pub(super) fn of(table: &Table) -> Self {
        let services: Vec<_> = table.services().map(|service| service.stats()).collect();
        let mut summary = StatsTotals::default();
        for service in &services {
            summary.services += 1;
            summary.instances += count(service.instances.len());
            summary.requests += service.requests;
            summary.errors = summary.errors.plus(service.errors);
            summary.in_flight += service.in_flight;
        }
        Self { summary, services }
    }
}

impl Service {
    /// Its figures.
    #[must_use]
    pub(crate) fn stats(&self) -> ServiceStats {
        let (all, now) = (self.counters(), self.now());
        let last_resort = self.is_last_resort(&[], now);
        ServiceStats {
            name: self.spec().name.clone(),
            load_balancing: self.load_balancing(),
            requests: all.requests(),
            errors: all.errors(),
            in_flight: self.in_flight(),
            retries: self.state.retried.load(Relaxed),
            no_instance: self.state.refused.load(Relaxed),
            rate_limited: self.state.limited.load(Relaxed),
            latency: all.latency(),
            instances: self.slots().iter().map(|slot| slot.stats(last_resort, now)).collect(),
        }
    }
}

impl Service {
    /// Latencies of answers, in buckets with these upper bounds in seconds.
    pub(super) fn latencies<const N: usize>(&self, bounds: [f64; N]) -> Spread {
        self.counters().latencies(bounds)
    }
}

impl WeightedInstance {
    fn stats(&self, last_resort: bool, now: Duration) -> InstanceStats {
        let Self { instance, weight } = self;
        InstanceStats {
            host: instance.host().to_owned(),
            port: instance.port(),
            weight: *weight,
            draining: instance.is_draining(),
            requests: instance.counters.requests(),
            errors: instance.counters.errors(),
            in_flight: instance.in_flight().into(),
            latency: instance.counters.latency(),
            available: self.is_available(last_resort, now),
            breaker: BreakerView::of(instance, now),
        }
    }
}
