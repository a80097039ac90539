//! Changes of the gateway's services, in the live feed.

use crate::{
    gateway::{RegistrationObserver, ServiceChange},
    runtime::{
        GatewayChange, LiveEvent,
        feed::{Feed, Scope},
    },
};

impl RegistrationObserver for Feed {
    fn service_changed(&self, service: &str, change: ServiceChange) {
        let (change, instance) = match change {
            ServiceChange::Registered => (GatewayChange::Registered, None),
            ServiceChange::InstanceChanged { instance } => (GatewayChange::Instance, Some(instance)),
            ServiceChange::Removed => (GatewayChange::Removed, None),
        };
        self.push(Scope::Gateway, LiveEvent::Gateway { service: service.to_owned(), change, instance, healthy: None });
    }
}
