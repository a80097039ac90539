//! [`Statistics`]: totals over every server.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    history::service::History,
    model::{Permission, Principal},
};

/// Totals over every server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
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

impl History {
    /// Totals over every server (`mcp:manage`).
    pub fn statistics(&self, who: &Principal) -> Result<Statistics> {
        self.access.require(who, Permission::McpManage, "server.statistics")?;
        let servers: Vec<_> = self.registry.all().values().map(|server| server.current()).collect();
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
            restarts: self.telemetry.metrics().restarts(),
        })
    }
}

/// `total / count`, or 0 of nothing.
#[allow(clippy::as_conversions, clippy::cast_precision_loss)]
fn mean(total: i64, count: i64) -> f64 {
    if count == 0 { 0.0 } else { total as f64 / count as f64 }
}
