//! What the gateway shows of itself: figures and health, as the management interface sends them.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{Gateway, Instance, Service, service::Slot},
    model::{LoadBalancing, Timestamp},
    policy::{breaker::Phase, health::Verdict},
};

/// Requests that failed, by what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorCounts {
    /// No connection could be made.
    pub connect: u64,
    /// Its time passed.
    pub timeout: u64,
    /// The connection broke before the answer was whole.
    pub reset: u64,
    /// What the instance sent was no answer.
    pub protocol: u64,
    /// Answers with a status of 500 or more.
    pub server_error: u64,
    /// The client went away before there was an answer; no fault of the instance.
    pub aborted: u64,
}

impl ErrorCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            connect: self.connect + other.connect,
            timeout: self.timeout + other.timeout,
            reset: self.reset + other.reset,
            protocol: self.protocol + other.protocol,
            server_error: self.server_error + other.server_error,
            aborted: self.aborted + other.aborted,
        }
    }
}

/// Milliseconds from choosing an instance to the head of its answer, since registration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// Half of the answers came within this time.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
}

impl Latency {
    pub(super) fn of([p50, p90, p99]: [Duration; 3]) -> Self {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        Self { p50: millis(p50), p90: millis(p90), p99: millis(p99) }
    }
}

/// The figures of all services.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStats {
    /// Of all together.
    pub summary: StatsTotals,
    /// Of each, by name.
    pub services: Vec<ServiceStats>,
}

/// Figures summed over all services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsTotals {
    /// Services registered.
    pub services: u64,
    /// Their instances.
    pub instances: u64,
    /// Requests sent to instances, tries again included.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Requests under way.
    pub in_flight: u64,
}

/// The figures of one service, since it was registered or Ostler started.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStats {
    /// The service.
    pub name: String,
    /// How its instances are chosen.
    pub load_balancing: LoadBalancing,
    /// Requests sent to instances, tries again included.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests sent to another instance after one failed.
    pub retries: u64,
    /// Requests that no instance could take.
    pub no_instance: u64,
    /// Requests over the service's rate limit.
    pub rate_limited: u64,
    /// How long answers take; `null` before the first.
    pub latency: Option<Latency>,
    /// Of each instance.
    pub instances: Vec<InstanceStats>,
}

/// The figures of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStats {
    /// Where it is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its weight.
    pub weight: u32,
    /// Requests sent to it.
    pub requests: u64,
    /// Those that failed.
    pub errors: ErrorCounts,
    /// Requests it has under way.
    pub in_flight: u64,
    /// How long its answers take; `null` before the first.
    pub latency: Option<Latency>,
    /// Whether it would get a request now.
    pub available: bool,
    /// Its circuit breaker.
    pub breaker: BreakerView,
}

/// The health of all services.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct GatewayHealth {
    /// How many are how.
    pub summary: HealthTotals,
    /// Each, by name.
    pub services: Vec<ServiceHealth>,
}

/// How many services are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
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

/// How a service is, in one word. Instances of weight 0 do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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
pub struct ServiceHealth {
    /// The service.
    pub name: String,
    /// In one word.
    pub status: ServiceState,
    /// Whether any instance takes requests.
    pub healthy: bool,
    /// Instances that take requests.
    pub available: u64,
    /// Instances that should: all but those of weight 0.
    pub total: u64,
    /// Each of them.
    pub instances: Vec<InstanceHealth>,
}

/// What checks say of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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
pub struct InstanceHealth {
    /// Where it is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its weight.
    pub weight: u32,
    /// What checks say.
    pub status: InstanceVerdict,
    /// Whether it would get a request now.
    pub available: bool,
    /// What requests say.
    pub breaker: BreakerView,
    /// When it was last checked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_check: Option<Timestamp>,
    /// How long that took, in milliseconds.
    pub response_time: Option<f64>,
    /// The last checks, newest first, at most 20.
    pub history: Vec<CheckView>,
}

/// One check of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HealthCheckResult)]
pub struct CheckView {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it was good.
    pub healthy: bool,
    /// The status that was answered, where anything was.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub response_time: f64,
    /// What was wrong.
    pub error: Option<String>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
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
pub struct BreakerView {
    /// Its state.
    pub state: BreakerState,
    /// Failures in a row, up to now.
    pub consecutive_failures: u32,
    /// How often it has opened.
    pub ejections: u32,
    /// While it is open: milliseconds until a request may try the instance.
    pub retry_in: Option<u64>,
}

impl BreakerView {
    fn of(instance: &Instance, now: Duration) -> Self {
        let breaker = instance.breaker();
        let (state, retry_in) = match breaker.phase(now) {
            Phase::Closed => (BreakerState::Closed, None),
            Phase::HalfOpen => (BreakerState::HalfOpen, None),
            Phase::Open(until) => (BreakerState::Open, Some(super::clock::millis(until.saturating_sub(now)))),
        };
        let (consecutive_failures, ejections) = (breaker.in_a_row(), breaker.opened());
        Self { state, consecutive_failures, ejections, retry_in }
    }
}

impl Gateway {
    /// The figures of all services.
    #[must_use]
    pub fn stats(&self) -> GatewayStats {
        let services: Vec<_> = self.table().services().map(|service| service.stats()).collect();
        let mut summary = StatsTotals::default();
        for service in &services {
            summary.services += 1;
            summary.instances += count(service.instances.len());
            summary.requests += service.requests;
            summary.errors = summary.errors.plus(service.errors);
            summary.in_flight += service.in_flight;
        }
        GatewayStats { summary, services }
    }

    /// The health of all services.
    #[must_use]
    pub fn health(&self) -> GatewayHealth {
        let services: Vec<_> = self.table().services().map(|service| service.health()).collect();
        let mut summary = HealthTotals { total: count(services.len()), ..HealthTotals::default() };
        for service in &services {
            match service.status {
                ServiceState::Healthy => summary.healthy += 1,
                ServiceState::Degraded => summary.degraded += 1,
                ServiceState::Unhealthy => summary.unhealthy += 1,
            }
        }
        GatewayHealth { summary, services }
    }
}

impl Service {
    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> ServiceStats {
        let (all, now) = (self.tally(), self.now());
        ServiceStats {
            name: self.spec().name.clone(),
            load_balancing: self.load_balancing(),
            requests: all.requests(),
            errors: all.errors(),
            in_flight: self.in_flight(),
            retries: self.kept.retried.load(Relaxed),
            no_instance: self.kept.refused.load(Relaxed),
            rate_limited: self.kept.limited.load(Relaxed),
            latency: all.latency(),
            instances: self.slots().iter().map(|slot| slot.stats(now)).collect(),
        }
    }

    /// Its health.
    #[must_use]
    pub fn health(&self) -> ServiceHealth {
        let now = self.now();
        let wanted = self.slots().iter().filter(|slot| slot.weight > 0);
        let total = wanted.clone().count();
        let available = wanted.filter(|slot| slot.instance.is_available(now)).count();
        let status = match available {
            0 => ServiceState::Unhealthy,
            some if some == total => ServiceState::Healthy,
            _ => ServiceState::Degraded,
        };
        let instances = self.slots().iter().map(|slot| slot.health(now)).collect();
        let (name, healthy) = (self.spec().name.clone(), available > 0);
        ServiceHealth { name, status, healthy, available: count(available), total: count(total), instances }
    }
}

impl Slot {
    fn stats(&self, now: Duration) -> InstanceStats {
        let Self { instance, weight } = self;
        InstanceStats {
            host: instance.host().to_owned(),
            port: instance.port(),
            weight: *weight,
            requests: instance.tally.requests(),
            errors: instance.tally.errors(),
            in_flight: instance.in_flight().into(),
            latency: instance.tally.latency(),
            available: *weight > 0 && instance.is_available(now),
            breaker: BreakerView::of(instance, now),
        }
    }

    fn health(&self, now: Duration) -> InstanceHealth {
        let Self { instance, weight } = self;
        let (verdict, history) = instance.verdict();
        let last = history.first();
        InstanceHealth {
            host: instance.host().to_owned(),
            port: instance.port(),
            weight: *weight,
            status: match verdict {
                Verdict::Unknown => InstanceVerdict::Unknown,
                Verdict::Healthy => InstanceVerdict::Healthy,
                Verdict::Unhealthy => InstanceVerdict::Unhealthy,
            },
            available: *weight > 0 && instance.is_available(now),
            breaker: BreakerView::of(instance, now),
            last_check: last.map(|check| check.at),
            response_time: last.map(|check| check.response_time),
            history,
        }
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
