//! Services as they were registered, for answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{figures::ServiceStats, health::ServiceHealth},
    model::{LoadBalancing, ServiceSpec, Timestamp},
};

/// Result of a registration: a new service, or another one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// There was none of its name.
    New,
    /// There was.
    Replaced,
}

/// A service and when it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Service)]
#[non_exhaustive]
pub struct ServiceDetails {
    /// The registration.
    #[serde(flatten)]
    pub spec: ServiceSpec,
    /// When its name was first registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last replaced or changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A service as it was registered, with its figures and its health.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServiceItem {
    /// The registration, and its times.
    #[serde(flatten)]
    pub service: ServiceDetails,
    /// Its requests, and those of each instance.
    pub stats: ServiceStats,
    /// Its health, and the last checks of each instance.
    pub health: ServiceHealth,
}

/// The settings of the gateway, and every service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GatewayConfig {
    /// Milliseconds between health checks, where a service says nothing.
    pub health_check_interval: u64,
    /// Milliseconds that a request may take, where its service says nothing.
    pub timeout: u64,
    /// Strategy by which an instance is chosen, where its service says nothing.
    pub load_balancing: LoadBalancing,
    /// Every service, by name.
    pub services: Vec<ServiceDetails>,
}
