//! [`Overview`]: servers by health, calls and restarts of late.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::Result,
    history::{call_series::CallFigures, service::History},
    model::{HealthStatus, Permission, Principal, ProcessAction, Rollup, Step, Timestamp},
    policy::permission,
    store::{self, rollups::CallScope},
};

/// The time over which calls are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = Window)]
pub enum OverviewWindow {
    /// The last quarter of an hour.
    #[default]
    #[serde(rename = "15m")]
    Quarter,
    /// The last hour.
    #[serde(rename = "1h")]
    Hour,
    /// The last day; it begins on the hour.
    #[serde(rename = "24h")]
    Day,
}

/// Servers, calls and restarts that the caller may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Overview {
    /// Servers by health.
    pub servers: ServerCounts,
    /// Calls since then.
    pub calls: CallSummary,
    /// Restarts of servers after failures since then.
    pub restarts: i64,
    /// Tools that wait to be accepted, on servers that the caller may use.
    pub waiting_tools: usize,
    /// The beginning of the window.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Servers by health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ServerCounts {
    /// All.
    pub total: usize,
    /// `HEALTHY`.
    pub healthy: usize,
    /// `STARTING` or `UNHEALTHY`.
    pub degraded: usize,
    /// `ERROR`.
    pub down: usize,
    /// `STOPPED` or `UNKNOWN`: they are not meant to run.
    pub stopped: usize,
}

/// Calls in a few figures; times in milliseconds, `null` where there were no calls.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallSummary {
    /// Their number.
    pub total: i64,
    /// The mean of a minute.
    pub per_minute: f64,
    /// The share that failed, 0 to 1.
    pub error_rate: f64,
    /// The median time.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

impl OverviewWindow {
    fn minutes(self) -> i64 {
        match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        }
    }

    fn step(self) -> Step {
        match self {
            Self::Quarter | Self::Hour => Step::Minute,
            Self::Day => Step::Hour,
        }
    }
}

impl History {
    /// Servers, calls and restarts that `who` may see; calls and restarts over the last `window`.
    pub async fn overview(&self, who: &Principal, window: OverviewWindow) -> Result<Overview> {
        const ACTION: &str = "overview.read";
        let visible = self.registry.visible(who, permission::SEES, ACTION)?;
        let now = Timestamp::now().unix_minutes();
        // The present minute is not over, so there is one more.
        let from = window.step().floor(now.saturating_sub(window.minutes()).saturating_add(1));
        let readable = visible.iter().filter(|server| server.allows(who, permission::READS));
        let manages = who.may(Permission::McpManage);
        let scope =
            if manages { CallScope::All } else { CallScope::Servers(readable.map(|server| server.id).collect()) };
        let rollups = self.rollups(scope, window.step(), from, now.saturating_add(1)).await?;
        let mut sum = Rollup::default();
        rollups.values().for_each(|rollup| sum.absorb(rollup));
        let since = Timestamp::of_unix_minutes(from);
        let ids = visible.iter().map(|server| server.id.to_string()).collect::<Vec<_>>();
        let targets = (!manages).then_some(ids);
        let action = ProcessAction::Retry.as_str();
        let count = move |db: &mut store::Connection| store::audit::count(db, action, targets.as_deref(), since);
        let restarts = self.store.read(count).await?;
        let mut servers = ServerCounts::default();
        visible.iter().for_each(|server| servers.add(server.link.view.borrow().health));
        let usable = visible.iter().filter(|server| server.allows(who, permission::USES));
        let waiting_tools = usable.map(|server| self.listings.waiting(server).len()).sum();
        let minutes = now.saturating_sub(from).saturating_add(1);
        Ok(Overview { servers, calls: CallSummary::of(&sum, minutes), restarts, waiting_tools, since })
    }
}

impl ServerCounts {
    fn add(&mut self, health: HealthStatus) {
        let one = match health {
            HealthStatus::Healthy => &mut self.healthy,
            HealthStatus::Starting | HealthStatus::Unhealthy => &mut self.degraded,
            HealthStatus::Error => &mut self.down,
            HealthStatus::Stopped | HealthStatus::Unknown => &mut self.stopped,
        };
        *one = one.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }
}

impl CallSummary {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a mean may lose what is past 2^53")]
    fn of(sum: &Rollup, minutes: i64) -> Self {
        let CallFigures { p50, p95, p99, .. } = CallFigures::of(sum);
        Self {
            total: sum.calls,
            per_minute: sum.calls as f64 / minutes.max(1) as f64,
            error_rate: sum.errors as f64 / sum.calls.max(1) as f64,
            p50,
            p95,
            p99,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_server_is_not_down() {
        let mut counts = ServerCounts::default();
        use HealthStatus::{Error, Healthy, Starting, Stopped, Unhealthy, Unknown};
        [Healthy, Starting, Unhealthy, Error, Stopped, Unknown].into_iter().for_each(|health| counts.add(health));
        assert_eq!(counts, ServerCounts { total: 6, healthy: 1, degraded: 2, down: 1, stopped: 2 });
    }

    #[test]
    fn no_calls_have_no_percentiles_and_no_errors() {
        let nothing = CallSummary::of(&Rollup::default(), 15);
        assert_eq!((nothing.total, nothing.p99), (0, None));
        assert!(nothing.error_rate == 0.0 && nothing.per_minute == 0.0);
        let mut some = Rollup::default();
        (0..30).for_each(|n| some.add(n % 3 == 0, 8));
        let some = CallSummary::of(&some, 15);
        assert_eq!((some.per_minute, some.p50), (2.0, Some(8.0)));
        assert!((some.error_rate - 2.0 / 3.0).abs() < 1e-9);
    }
}
