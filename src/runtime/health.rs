//! How all servers are: checked now, or counted.

use std::collections::BTreeMap;

use futures_util::future;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{HealthStatus, Permission, Principal, ServerId, Timestamp},
    policy::permission,
    registry::Registered,
    runtime::Runtime,
    supervisor::messages::CheckServer,
};

/// The health of one server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerHealth {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Whether it answers.
    pub healthy: bool,
    /// In one word.
    pub status: HealthStatus,
    /// When it was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_check: Option<Timestamp>,
}

/// How many servers are well.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
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
pub struct HealthReport {
    /// Counted.
    pub summary: HealthSummary,
    /// One by one.
    pub servers: Vec<ServerHealth>,
}

/// Totals over every server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Servers registered.
    pub total_servers: usize,
    /// Servers by health status.
    pub by_status: BTreeMap<String, usize>,
    /// Calls on record.
    pub total_calls: i64,
    /// Of those, failed.
    pub total_errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub total_execution_time: i64,
    /// The mean, in milliseconds.
    pub average_execution_time: f64,
    /// Restarts after failures since Ostler started.
    pub restarts: u64,
}

impl Runtime {
    /// Asks every server the caller may see how it is, now.
    pub async fn check_health(&self, who: &Principal) -> Result<HealthReport> {
        self.inner.access.require_any(who, permission::SEES, "server.health")?;
        let all = self.inner.registry.all();
        let checks = all.values().filter(|server| server.is_of(who, permission::SEES)).map(|server| async {
            // A supervisor that is gone has no healthy child.
            let healthy = self.inner.placement.supervisor().ask(CheckServer { id: server.id }).await.unwrap_or(false);
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

    /// Totals over every server (`mcp:manage`).
    pub fn statistics(&self, who: &Principal) -> Result<Statistics> {
        self.inner.access.require(who, Permission::McpManage, "server.statistics")?;
        let servers: Vec<_> = self.inner.registry.all().values().map(|server| server.current()).collect();
        let mut by_status = BTreeMap::new();
        for server in &servers {
            *by_status.entry(server.health_status.as_str().to_owned()).or_default() += 1;
        }
        let total_calls = servers.iter().map(|server| server.total_calls).sum();
        let total_execution_time = servers.iter().map(|server| server.total_execution_time).sum();
        Ok(Statistics {
            total_servers: servers.len(),
            by_status,
            total_calls,
            total_errors: servers.iter().map(|server| server.total_errors).sum(),
            total_execution_time,
            average_execution_time: mean(total_execution_time, total_calls),
            restarts: self.inner.telemetry.metrics().restarts(),
        })
    }
}

/// `total / count`, or 0 of nothing.
#[allow(clippy::as_conversions, clippy::cast_precision_loss)]
fn mean(total: i64, count: i64) -> f64 {
    if count == 0 { 0.0 } else { total as f64 / count as f64 }
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
