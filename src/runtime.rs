//! [`Runtime`]: the cloneable handle that HTTP, examples and embedders all call. Start, stop, and who may do what.

mod account_events;
mod assembly;
mod authorized_restart;
mod builder;
mod data_dir;
mod gateway_events;
mod metrics;
mod settings;
mod start;
mod state;
mod system;
mod tenure;

use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;

use crate::{
    access::{Access, AuditLog},
    accounts::Accounts,
    authorizations::Authorizations,
    calls::Calls,
    events::Events,
    gateway::Registrations,
    history::History,
    listings::Listings,
    model::Principal,
    placement::Placement,
    recorder::Recorder,
    registry::Registry,
    revocation::Revocation,
    secrets::Keyring,
    servers::Servers,
    store::Store,
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
    telemetry::Telemetry,
    timeline::Timeline,
};

pub use crate::model::OutputLine;
pub use builder::Builder;
pub use settings::Settings;
pub use state::Readiness;
pub use system::{Configured, DatabaseFacts, System, SystemLimits};

/// A running Ostler; cheap to clone, usable from every thread.
///
/// Have it [stopped](Runtime::stop) before the program ends. Where the last clone is dropped instead, calls under way
/// are cut short, and its servers end soon after.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

/// What a runtime is made of; the files below each add methods to [`Runtime`].
struct Inner {
    settings: Settings,
    store: Store,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    accounts: Accounts,
    account_events: Arc<account_events::AccountEvents>,
    access: Arc<Access>,
    audit_log: Arc<AuditLog>,
    registry: Arc<Registry>,
    authorizations: Arc<Authorizations>,
    placement: Arc<Placement>,
    servers: Arc<Servers>,
    calls: Arc<Calls>,
    services: Arc<Registrations>,
    telemetry: Telemetry,
    metrics_page: metrics::MetricsPage,
    events: Arc<Events>,
    listings: Arc<Listings>,
    lifecycle: Arc<Lifecycle>,
    arbiters: Arc<Arbiters>,
    first_admin: OnceLock<String>,
    /// Set once the runtime has stopped.
    ended: OnceCell<()>,
    history: Arc<History>,
    timeline: Arc<Timeline>,
    revocation: Arc<Revocation>,
    place: start::Place,
    facts: system::Facts,
    /// Who acts for the program that embeds this runtime.
    embedder: Principal,
}

#[cfg(test)]
mod tests;
