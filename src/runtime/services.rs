//! Services behind the gateway, as a part of a runtime; their changes are live events.

use std::sync::{Arc, Weak};

use prometheus_client::registry::Registry;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    error::Result,
    events::{Events, ServiceChangeKind},
    gateway::{Gateway, InstanceHealthChange, RegistrationObserver, Registrations, ServiceChange},
    runtime::{Settings, assembly::Assembly},
};

/// Services behind the gateway.
pub(super) struct Services(Arc<Registrations>);

impl Services {
    /// Services whose instances are checked on the last of the threads of actors; not checked where the gateway is off.
    pub(super) fn new(base: &Assembly, settings: &Settings, events: &Arc<Events>) -> Self {
        let gateway = Gateway::new(settings.gateway);
        if let Some(arbiter) = base.arbiters.servers().last().filter(|_| settings.serve.gateway()) {
            gateway.start(arbiter.clone());
        }
        let (access, store, recorder) = (base.access.clone(), base.store.clone(), base.recorder.clone());
        let (lifecycle, observer) = (base.lifecycle.clone(), events.clone());
        let registrations = Registrations::new(gateway, settings.serve, access, store, recorder, lifecycle, observer);
        Self(Arc::new(registrations))
    }

    /// The registrations, and by them the gateway.
    pub(super) fn registrations(&self) -> &Arc<Registrations> {
        &self.0
    }

    /// Adds their metrics to a page.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.0.gateway().collector()));
    }

    /// Takes up what the database holds.
    pub(super) async fn load(&self) -> Result<()> {
        self.0.load().await
    }

    /// Brings memory to what the database holds.
    pub(super) async fn reload(&self) -> Result<()> {
        self.0.reload().await
    }

    /// Publishes changes of the health of instances from now on.
    pub(super) fn attend(&self, events: &Arc<Events>) {
        actix::spawn(follow(Arc::downgrade(events), self.0.gateway().health_changes()));
    }

    /// Checks no instance any more.
    pub(super) fn stop(&self) {
        self.0.gateway().stop();
    }
}

/// Publishes changes of the health of instances, until the gateway or `events` is gone.
async fn follow(events: Weak<Events>, mut changes: Receiver<InstanceHealthChange>) {
    loop {
        let change = match changes.recv().await {
            Ok(change) => change,
            // So many at once that some are lost.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let Some(events) = events.upgrade() else { return };
        events.publish_instance_health(change.service, change.instance, change.healthy);
    }
}

impl RegistrationObserver for Events {
    fn service_changed(&self, service: &str, change: ServiceChange) {
        let (change, instance) = match change {
            ServiceChange::Registered => (ServiceChangeKind::Registered, None),
            ServiceChange::InstanceChanged { instance } => (ServiceChangeKind::Instance, Some(instance)),
            ServiceChange::Removed => (ServiceChangeKind::Removed, None),
        };
        self.publish_service_change(service, change, instance);
    }
}
