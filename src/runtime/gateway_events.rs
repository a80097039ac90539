//! Changes of the gateway's services, as live events.

use crate::{
    events::{Events, ServiceChangeKind},
    gateway::{RegistrationObserver, ServiceChange},
};

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
