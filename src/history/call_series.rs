//! Calls over time, in buckets.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    history::service::History,
    model::{Permission, Principal, Rollup, ServerId, Step, Timestamp},
    policy::permission,
    store::rollups::{self, CallScope},
};

/// Buckets in one response: two days of minutes, and not much more.
const BUCKETS_MAX: i64 = 3000;

/// The calls of one bucket.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Bucket)]
#[non_exhaustive]
pub struct CallBucket {
    /// Its beginning.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Calls that ended in it.
    #[serde(flatten)]
    pub figures: CallFigures,
}

/// Calls, in figures; times in milliseconds, percentiles right to 7 %, `None` where there were no calls.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallFigures {
    /// Their number.
    pub calls: i64,
    /// Of those, failed.
    pub errors: i64,
    /// The mean time.
    pub average: Option<f64>,
    /// The median time.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

/// Calls over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct CallHistory {
    /// The length of each bucket.
    pub step: Step,
    /// All of them in order, also those without calls.
    pub buckets: Vec<CallBucket>,
}

impl CallFigures {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a mean may lose what is past 2^53 ms")]
    pub(super) fn of(rollup: &Rollup) -> Self {
        let quantile = |per_mille| rollup.latencies.quantile(per_mille);
        Self {
            calls: rollup.calls,
            errors: rollup.errors,
            average: (rollup.calls > 0).then(|| rollup.execution_time as f64 / rollup.calls as f64),
            p50: quantile(500),
            p95: quantile(950),
            p99: quantile(990),
        }
    }
}

impl History {
    /// Calls of one server, of one tool of it, or of all servers that `who` may read, in buckets of time. The first
    /// bucket begins at or before `since`, and is counted in full.
    pub async fn call_series(
        &self,
        who: &Principal,
        of: Option<(ServerId, Option<String>)>,
        step: Step,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<CallHistory> {
        let scope = match of {
            None => self.readable_scope(who, "history.calls")?,
            Some((id, tool)) => {
                self.registry.reach(who, id, permission::READS, "history.calls")?;
                tool.map_or_else(|| CallScope::Servers(vec![id]), |tool| CallScope::Tool(id, tool))
            }
        };
        let (length, from) = (i64::from(step.minutes()), step.floor(since.unix_minutes()));
        let until = step.floor(until.unix_minutes()).saturating_add(length);
        if until.saturating_sub(from) > BUCKETS_MAX.saturating_mul(length) {
            return Err(Error::Malformed(format!(
                "step: there are more than {BUCKETS_MAX} of it; ask for longer steps"
            )));
        }
        let mut rollups = self.rollups(scope, step, from, until).await?;
        let starts = std::iter::successors(Some(from), |start| start.checked_add(length));
        let bucket = |start| CallBucket {
            start: Timestamp::of_unix_minutes(start),
            figures: CallFigures::of(&rollups.remove(&start).unwrap_or_default()),
        };
        Ok(CallHistory { step, buckets: starts.take_while(|start| *start < until).map(bucket).collect() })
    }

    /// Rollups of non-empty buckets by their beginnings, in minutes since 1970.
    pub(super) async fn rollups(
        &self,
        scope: CallScope,
        step: Step,
        from: i64,
        until: i64,
    ) -> Result<BTreeMap<i64, Rollup>> {
        self.store.read(move |db| rollups::series(db, &scope, step, from, until)).await
    }

    /// The calls of all servers that `who` may read.
    fn readable_scope(&self, who: &Principal, action: &str) -> Result<CallScope> {
        if who.may(Permission::McpManage) {
            return Ok(CallScope::All);
        }
        let visible = self.registry.visible(who, permission::READS, action)?;
        Ok(CallScope::Servers(visible.iter().map(|server| server.id).collect()))
    }
}
