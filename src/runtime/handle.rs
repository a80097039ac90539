//! [`Runtime`], the cloneable handle, and the services it holds.

use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use tokio::sync::SetOnce;

use crate::{
    access::{Access, AuditLog},
    accounts::Accounts,
    authorizations::Authorizations,
    calls::Calls,
    events::Events,
    history::History,
    listings::Listings,
    model::Principal,
    named_secrets::NamedSecrets,
    placement::Placement,
    recorder::Recorder,
    registry::Registry,
    revocation::Revocation,
    runtime::{Services, Settings, account_events::AccountEvents, place::Place, system_facts::SystemFacts},
    secrets::Keyring,
    servers::Servers,
    store::Store,
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
    telemetry::Telemetry,
    timeline::Timeline,
};

/// A running Ostler; cheap to clone, usable from every thread.
///
/// ```no_run
/// # use ostler::Runtime;
/// # async fn embed() -> ostler::Result<()> {
/// let runtime = Runtime::builder().data_dir("data").start().await?;
/// for item in runtime.servers().list(runtime.embedder(), &Default::default())?.items {
///     println!("{}: {}", item.server.config.name, item.server.total_calls);
/// }
/// runtime.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// Have it [stopped](Runtime::stop) before the program ends. Where the last clone is dropped instead, calls in flight
/// are cut short, and its servers end soon after.
#[derive(Clone)]
pub struct Runtime {
    pub(super) inner: Arc<Inner>,
}

/// The services of a runtime, and what it holds on to; assembled in `start`.
pub(super) struct Inner {
    pub settings: Settings,
    pub store: Store,
    pub recorder: Recorder,
    pub keyring: Arc<Keyring>,
    pub accounts: Accounts,
    pub account_events: Arc<AccountEvents>,
    pub access: Arc<Access>,
    pub audit_log: Arc<AuditLog>,
    pub registry: Arc<Registry>,
    pub authorizations: Arc<Authorizations>,
    pub placement: Arc<Placement>,
    pub servers: Arc<Servers>,
    pub secrets: Arc<NamedSecrets>,
    pub calls: Arc<Calls>,
    pub services: Services,
    pub telemetry: Telemetry,
    pub events: Arc<Events>,
    pub listings: Arc<Listings>,
    pub lifecycle: Arc<Lifecycle>,
    pub arbiters: Arc<Arbiters>,
    pub first_admin: OnceLock<String>,
    /// True from the first call of `stop`.
    pub is_stopping: AtomicBool,
    /// Set once the runtime has stopped.
    pub stopped: SetOnce<()>,
    pub history: Arc<History>,
    pub timeline: Arc<Timeline>,
    pub revocation: Arc<Revocation>,
    pub place: Place,
    pub facts: SystemFacts,
    /// Principal of the program that embeds this runtime.
    pub embedder: Principal,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.place.abandon(self.arbiters.clone(), self.lifecycle.clone(), self.placement.supervisor().address());
    }
}
