//! [`GatewaySettings`] of the gateway.

use std::time::Duration;

use crate::model::LoadBalancing;

/// Defaults for services that do not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewaySettings {
    /// Time between checks of an instance.
    pub health_check_interval: Duration,
    /// Timeout of a request.
    pub timeout: Duration,
    /// Strategy by which an instance is chosen.
    pub load_balancing: LoadBalancing,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self { health_check_interval: half_a_minute, timeout: half_a_minute, load_balancing: LoadBalancing::RoundRobin }
    }
}
