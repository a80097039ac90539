//! Health checks of all servers at once.

use futures_util::future;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{HealthStatus, Principal, ServerId, Timestamp},
    policy::permission,
    registry::Registered,
    servers::service::Servers,
    supervisor::messages::CheckServer,
};

/// The health of one server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerHealth {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// True when it answered the ping.
    pub healthy: bool,
    /// In one word.
    pub status: HealthStatus,
    /// When it was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_check: Option<Timestamp>,
}

/// Count of servers by health.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct HealthSummary {
    /// All the caller may see.
    pub total: usize,
    /// Of those, `HEALTHY`.
    pub healthy: usize,
    /// The others.
    pub unhealthy: usize,
}

/// The health of all servers a caller may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct HealthReport {
    /// Counted.
    pub summary: HealthSummary,
    /// One by one.
    pub servers: Vec<ServerHealth>,
}

impl Servers {
    /// Asks every server the caller may see how it is, now.
    pub async fn check_health(&self, who: &Principal) -> Result<HealthReport> {
        self.access.require_any(who, permission::SEES, "server.health")?;
        let all = self.registry.all();
        let checks = all.values().filter(|server| server.is_of(who, permission::SEES)).map(|server| async {
            // A supervisor that is gone has no healthy child.
            let healthy = self.placement.supervisor().ask(CheckServer { id: server.id }).await.unwrap_or(false);
            health(server, healthy)
        });
        let servers = future::join_all(checks).await;
        let healthy = servers.iter().filter(|server| server.healthy).count();
        let total = servers.len();
        Ok(HealthReport {
            summary: HealthSummary { total, healthy, unhealthy: total.saturating_sub(healthy) },
            servers,
        })
    }
}

fn health(server: &Registered, healthy: bool) -> ServerHealth {
    let now = server.current();
    let status = match (healthy, now.health_status) {
        (true, _) => HealthStatus::Healthy,
        (false, HealthStatus::Healthy) => HealthStatus::Unhealthy,
        (false, other) => other,
    };
    ServerHealth { id: server.id, name: now.config.name, healthy, status, last_check: now.last_health_check }
}
