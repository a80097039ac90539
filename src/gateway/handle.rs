//! [`Gateway`]: the services in memory, what changes them, and the actor that checks their instances.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use actix::ArbiterHandle;
use arc_swap::Guard;
use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use crate::{
    error::{Error, Noun, Result},
    gateway::{
        GatewayCollector, GatewayHealth, GatewaySettings, GatewayStats, InstanceHealthChange, Service, Table,
        actor::{ActorLost, CheckService, GatewayActor, Stop},
        actor_handle::ActorHandle,
        live_table::LiveTable,
        service::ServiceObserver,
    },
    model::ServiceSpec,
};

/// Delay after a panic of the actor before it is replaced.
const ACTOR_RESTART_DELAY: Duration = Duration::from_secs(1);

/// A handle on the gateway; cheap to clone, usable from every thread.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(super) shared: Arc<GatewayShared>,
}

pub(super) struct GatewayShared {
    settings: GatewaySettings,
    live: Arc<LiveTable>,
    pub(super) actor: Arc<ActorHandle>,
    /// Held while the table changes.
    changing: Mutex<()>,
}

impl Gateway {
    /// A gateway without services, which checks nothing before [`Gateway::start`].
    #[must_use]
    pub(crate) fn new(settings: GatewaySettings) -> Self {
        let live = Arc::new(LiveTable::new());
        let shared = GatewayShared { settings, live, actor: Arc::default(), changing: Mutex::new(()) };
        Self { shared: Arc::new(shared) }
    }

    /// Checks instances from now on, on the thread of `arbiter`. Where the actor that does so panics, another one takes
    /// its place a second later; requests are forwarded meanwhile as they were.
    pub(crate) fn start(&self, arbiter: ArbiterHandle) {
        let losses = self.watch(&arbiter);
        actix::spawn(keep(Arc::downgrade(&self.shared), arbiter, losses));
    }

    fn watch(&self, arbiter: &ArbiterHandle) -> oneshot::Receiver<ActorLost> {
        let (end, lost) = oneshot::channel();
        let GatewayShared { live, actor, .. } = &*self.shared;
        actor.connect(GatewayActor::start_on(arbiter, Arc::downgrade(live), end));
        actor.table_changed();
        lost
    }

    /// Checks no more.
    pub(crate) fn stop(&self) {
        self.shared.actor.send(Stop);
    }

    /// Subscribes to changes of instances' health; a subscriber that lags behind loses the oldest.
    #[must_use]
    pub(crate) fn health_changes(&self) -> broadcast::Receiver<InstanceHealthChange> {
        self.shared.live.health_changes.subscribe()
    }

    /// Defaults for services that do not say otherwise.
    #[must_use]
    pub(crate) fn settings(&self) -> &GatewaySettings {
        &self.shared.settings
    }

    /// The services of this moment, for one request or a view of all.
    #[must_use]
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.shared.live.table.load()
    }

    /// The figures of all services.
    #[must_use]
    pub(crate) fn stats(&self) -> GatewayStats {
        GatewayStats::of(&self.table())
    }

    /// Statistics of all services for Prometheus.
    #[must_use]
    pub(crate) fn collector(&self) -> GatewayCollector {
        GatewayCollector(self.shared.live.clone())
    }

    /// The health of all services.
    #[must_use]
    pub(crate) fn health(&self) -> GatewayHealth {
        GatewayHealth::of(&self.table())
    }

    /// The service of this name.
    pub(crate) fn service(&self, name: &str) -> Result<Arc<Service>> {
        self.table().named(name).cloned().ok_or(Error::NotFound(Noun::Service))
    }

    /// Fails where another service has this one's `basePath`.
    pub(crate) fn check_free(&self, spec: &ServiceSpec) -> Result<()> {
        let table = self.table();
        let holder = table.services().find(|other| other.spec().base_path == spec.base_path);
        match holder.filter(|other| other.spec().name != spec.name) {
            Some(other) => Err(Error::Conflict(format!(
                "basePath: the service {} has {} already; choose another, or unregister that one first",
                other.spec().name,
                spec.base_path
            ))),
            None => Ok(()),
        }
    }

    /// Takes a service in, or in the place of the one of its name: from then on requests reach it. Instances that both
    /// have keep their health, their figures and their requests in flight; other requests go on to their end.
    pub(crate) fn register(&self, spec: ServiceSpec) -> Arc<Service> {
        let _alone = self.shared.changing.lock();
        let table = self.shared.live.table.load_full();
        let GatewayShared { settings, live, actor, .. } = &*self.shared;
        let observer: Arc<dyn ServiceObserver> = actor.clone();
        let before = table.named(&spec.name).map(AsRef::as_ref);
        let service = Arc::new(Service::new(spec, settings, &live.clock, &observer, before));
        self.shared.live.table.store(Arc::new(table.with(service.clone())));
        actor.table_changed();
        service
    }

    /// Takes a service out: from then on no request reaches it. [`Service::drained`] waits for those that did.
    pub(crate) fn unregister(&self, name: &str) -> Option<Arc<Service>> {
        let _alone = self.shared.changing.lock();
        let table = self.shared.live.table.load_full();
        let service = table.named(name)?.clone();
        self.shared.live.table.store(Arc::new(table.without(&service)));
        self.shared.actor.table_changed();
        Some(service)
    }

    /// Checks every instance of a service, and returns once each has answered or its time has passed.
    pub(crate) async fn check(&self, service: &Arc<Service>) -> Result<()> {
        let lost = || Error::NotReady("the gateway's health checks are being restarted; try again in a second");
        let actor = self.shared.actor.address().ok_or_else(lost)?;
        actor.send(CheckService { service: service.clone() }).await.map_err(|_| lost())
    }
}

impl Drop for GatewayShared {
    fn drop(&mut self) {
        // Services know the actor and it knows them: only this lets go of both.
        self.actor.send(Stop);
    }
}

/// Replaces the actor whenever it is lost, until it ends in good order.
async fn keep(shared: Weak<GatewayShared>, arbiter: ArbiterHandle, mut lost: oneshot::Receiver<ActorLost>) {
    while let Ok(ActorLost) = lost.await {
        tokio::time::sleep(ACTOR_RESTART_DELAY).await;
        let Some(shared) = shared.upgrade() else { return };
        log::error!("the gateway's actor of health checks was lost; it is restarted");
        lost = Gateway { shared }.watch(&arbiter);
    }
}
