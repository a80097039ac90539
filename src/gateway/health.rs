//! Health of services and their instances, by health checks and by requests.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{
        check::CheckView,
        clock::millis,
        instance::Instance,
        service::{Service, WeightedInstance},
        table::Table,
    },
    model::Timestamp,
    policy::{breaker::Phase, health::HealthVerdict},
};

/// The health of all services.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct GatewayHealth {
    /// Numbers of services by state.
    pub summary: HealthTotals,
    /// Each, by name.
    pub services: Vec<ServiceHealth>,
}

/// Numbers of services by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct HealthTotals {
    /// Services registered.
    pub total: u64,
    /// Those whose instances all take requests.
    pub healthy: u64,
    /// Those of which some do.
    pub degraded: u64,
    /// Those of which none does.
    pub unhealthy: u64,
}

/// State of a service. Instances that are drained or of weight 0 do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServiceState {
    /// Every instance takes requests.
    Healthy,
    /// Some do.
    Degraded,
    /// None does.
    Unhealthy,
}

/// The health of one service.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServiceHealth {
    /// The service.
    pub name: String,
    /// Its state.
    pub status: ServiceState,
    /// True where any instance takes requests.
    pub healthy: bool,
    /// Instances that take requests.
    pub available: u64,
    /// Instances that should: all but those that are drained or of weight 0.
    pub total: u64,
    /// Each of them.
    pub instances: Vec<InstanceHealth>,
}

/// Result of the health checks of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InstanceVerdict {
    /// Not checked yet.
    Unknown,
    /// It is well.
    Healthy,
    /// It is not, and gets no requests.
    Unhealthy,
}

/// The health of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InstanceHealth {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its weight.
    pub weight: u32,
    /// True while it is drained: only its requests in flight go on, and it is not checked.
    pub draining: bool,
    /// Result of its health checks.
    pub status: InstanceVerdict,
    /// True where it would get a request now.
    pub available: bool,
    /// Result of its requests.
    pub breaker: BreakerView,
    /// When it was last checked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_check: Option<Timestamp>,
    /// Milliseconds that this took.
    pub response_time: Option<f64>,
    /// The last checks, newest first, at most 20.
    pub history: Vec<CheckView>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// None does: the instance is ejected.
    Open,
    /// One at a time does, on trial.
    HalfOpen,
}

/// The circuit breaker of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BreakerView {
    /// Its state.
    pub state: BreakerState,
    /// Failures in a row, up to now.
    pub consecutive_failures: u32,
    /// Number of times that it has opened.
    pub ejections: u32,
    /// While it is open: milliseconds until a request may try the instance.
    pub retry_in: Option<u64>,
}

impl BreakerView {
    pub(super) fn of(instance: &Instance, now: Duration) -> Self {
        let breaker = instance.breaker();
        let (state, retry_in) = match breaker.phase(now) {
            Phase::Closed => (BreakerState::Closed, None),
            Phase::HalfOpen => (BreakerState::HalfOpen, None),
            Phase::Open(until) => (BreakerState::Open, Some(millis(until.saturating_sub(now)))),
        };
        let (consecutive_failures, ejections) = (breaker.in_a_row(), breaker.opened());
        Self { state, consecutive_failures, ejections, retry_in }
    }
}

impl GatewayHealth {
    pub(super) fn of(table: &Table) -> Self {
        let services: Vec<_> = table.services().map(|service| service.health()).collect();
        let mut summary = HealthTotals { total: count(services.len()), ..HealthTotals::default() };
        for service in &services {
            match service.status {
                ServiceState::Healthy => summary.healthy += 1,
                ServiceState::Degraded => summary.degraded += 1,
                ServiceState::Unhealthy => summary.unhealthy += 1,
            }
        }
        Self { summary, services }
    }
}

impl Service {
    /// Its health.
    #[must_use]
    pub(crate) fn health(&self) -> ServiceHealth {
        let now = self.now();
        let wanted = self.slots().iter().filter(|slot| slot.is_wanted());
        let total = wanted.clone().count();
        let last_resort = self.is_last_resort(&[], now);
        let available = wanted.filter(|slot| slot.is_available(last_resort, now)).count();
        let status = match available {
            0 => ServiceState::Unhealthy,
            some if some == total => ServiceState::Healthy,
            _ => ServiceState::Degraded,
        };
        let instances = self.slots().iter().map(|slot| slot.health(last_resort, now)).collect();
        let (name, healthy) = (self.spec().name.clone(), available > 0);
        ServiceHealth { name, status, healthy, available: count(available), total: count(total), instances }
    }
}

impl WeightedInstance {
    fn health(&self, last_resort: bool, now: Duration) -> InstanceHealth {
        let Self { instance, weight } = self;
        let (verdict, history) = instance.verdict();
        let last = history.first();
        InstanceHealth {
            host: instance.host().to_owned(),
            port: instance.port(),
            weight: *weight,
            draining: instance.is_draining(),
            status: match verdict {
                HealthVerdict::Unknown => InstanceVerdict::Unknown,
                HealthVerdict::Healthy => InstanceVerdict::Healthy,
                HealthVerdict::Unhealthy => InstanceVerdict::Unhealthy,
            },
            available: self.is_available(last_resort, now),
            breaker: BreakerView::of(instance, now),
            last_check: last.map(|check| check.at),
            response_time: last.map(|check| check.response_time),
            history,
        }
    }
}

/// A length, as figures are sent.
pub(super) fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
