//! The gateway in memory: services and their instances, the choice of one for each request, and their health.
//!
//! `Table` is what forwarding reads: an immutable snapshot, replaced at once. `Service::choose` gives out an
//! `InstanceLease`, to which the outcome of the request is reported. None of that waits for an actor: the one there is
//! (`actor`) checks instances, and is notified of ejections. [`Registrations`] hold what is registered in the database.
//!
//! A `Service` is immutable. A replacement is another one that shares `SharedServiceState` (limits, retry budget,
//! counters) with the old one, and those instances whose host and port it names again; a request that found the old one
//! goes on with it. Draining is a state of the `Instance`, so that no earlier registration chooses it.
//!
//! A choice makes a candidate of each instance under one short lock. Its share has weight, slow start, health, breaker
//! and `maxConnections` in it, so one algorithm (smooth weighted round robin) serves all. A breaker opens only while no
//! more than half of the instances would be out. An ejected instance gets trial requests only after a good check, so
//! one that hangs costs no more requests. Where no other is left, the good check alone is enough.

mod actor;
mod actor_handle;
mod check;
mod clock;
mod collector;
mod counters;
mod failure;
mod figures;
mod handle;
mod health;
mod health_change;
mod histogram;
mod instance;
mod lease;
mod live_table;
mod probe;
mod registrations;
mod service;
mod service_details;
mod service_state;
mod settings;
mod table;

pub use check::CheckView;
pub(crate) use collector::GatewayCollector;
pub use counters::{ErrorCounts, Latency};
pub(crate) use failure::FailureKind;
pub use figures::{GatewayStats, InstanceStats, ServiceStats, StatsTotals};
pub(crate) use handle::Gateway;
pub use health::{
    BreakerState, BreakerView, GatewayHealth, HealthTotals, InstanceHealth, InstanceVerdict, ServiceHealth,
    ServiceState,
};
pub(crate) use health_change::InstanceHealthChange;
pub(crate) use instance::InstanceId;
pub(crate) use lease::InstanceLease;
pub use registrations::Registrations;
pub(crate) use registrations::{RegistrationObserver, ServiceChange};
pub(crate) use service::{NoInstance, Service};
pub use service_details::{GatewayConfig, Registration, ServiceDetails, ServiceItem};
pub use settings::GatewaySettings;
pub(crate) use table::Table;

#[cfg(test)]
mod tests;
