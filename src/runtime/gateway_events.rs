//! Changes of the gateway's services, as live events.

use std::sync::Weak;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    events::{Events, ServiceChangeKind},
    gateway::{InstanceHealthChange, RegistrationObserver, ServiceChange},
};

/// Publishes changes of the health of instances, until the gateway or `events` is gone.
pub(super) async fn follow(events: Weak<Events>, mut changes: Receiver<InstanceHealthChange>) {
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
