//! What happened: calls in buckets of time, changes of health, calls one by one.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Noun, Result},
    model::{
        AuditEntry, AuditFilter, CallFilter, CallId, HealthChange, Page, PageRequest, Permission, Principal, Rollup,
        ServerId, Step, Timestamp, ToolCall,
    },
    policy::permission,
    runtime::Runtime,
    store::{
        self,
        rollups::{self, Whose},
    },
};

/// Buckets in one answer, at most.
const MOST_BUCKETS: i64 = 3000;

/// What ends a call is noted a moment after it.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Calls of a stretch of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Calls that ended in it.
    #[serde(flatten)]
    pub figures: CallFigures,
}

/// Calls, in figures; times in milliseconds, percentiles right to 7 %, `None` where there were no calls.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallFigures {
    /// How many.
    pub calls: i64,
    /// Of those, failed.
    pub errors: i64,
    /// The mean time.
    pub average: Option<f64>,
    /// What half of them took at most.
    pub p50: Option<f64>,
    /// What 95 of a hundred took at most.
    pub p95: Option<f64>,
    /// What 99 of a hundred took at most.
    pub p99: Option<f64>,
}

/// Calls over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallHistory {
    /// How long each bucket is.
    pub step: Step,
    /// All of them in order, also those without calls.
    pub buckets: Vec<Bucket>,
}

/// A call, and what happened from when it came in to when it was answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDetails {
    /// The call.
    #[serde(flatten)]
    pub call: ToolCall,
    /// The name of its server.
    pub server_name: String,
    /// What happened to the server meanwhile, oldest first.
    pub meanwhile: Vec<Meanwhile>,
}

/// Something that happened during a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Meanwhile {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: MeanwhileKind,
    /// For people.
    pub text: String,
}

/// What kinds of things happen during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeanwhileKind {
    /// The call waited for a process to ask.
    Queued,
    /// The server was started again.
    Restart,
    /// Its health changed.
    Health,
    /// A process of it ended.
    Exit,
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

impl Runtime {
    /// Calls of one server, of one tool of it, or of all servers that `who` may see, in buckets of time. What lies
    /// before `since` in its first bucket is counted too.
    pub async fn call_history(
        &self,
        who: &Principal,
        of: Option<(ServerId, Option<String>)>,
        step: Step,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<CallHistory> {
        let whose = match of {
            None => self.whose(who, "history.calls")?,
            Some((id, tool)) => {
                self.inner.registry.reach(who, id, permission::READS, "history.calls")?;
                tool.map_or_else(|| Whose::Servers(vec![id]), |tool| Whose::Tool(id, tool))
            }
        };
        let (length, from) = (i64::from(step.minutes()), step.floor(since.unix_minutes()));
        let until = step.floor(until.unix_minutes()).saturating_add(length);
        if until.saturating_sub(from) > MOST_BUCKETS.saturating_mul(length) {
            return Err(Error::Malformed(format!(
                "step: there are more than {MOST_BUCKETS} of it; ask for longer steps"
            )));
        }
        let mut counted = self.counted(whose, step, from, until).await?;
        let starts = std::iter::successors(Some(from), |start| start.checked_add(length));
        let bucket = |start| Bucket {
            start: Timestamp::of_unix_minutes(start),
            figures: CallFigures::of(&counted.remove(&start).unwrap_or_default()),
        };
        Ok(CallHistory { step, buckets: starts.take_while(|start| *start < until).map(bucket).collect() })
    }

    pub(super) async fn counted(
        &self,
        whose: Whose,
        step: Step,
        from: i64,
        until: i64,
    ) -> Result<BTreeMap<i64, Rollup>> {
        self.inner.store.read(move |db| rollups::series(db, &whose, step, from, until)).await
    }

    /// How a server's health changed, oldest first; of more than a thousand changes the newest.
    pub async fn health_history(
        &self,
        who: &Principal,
        id: ServerId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<HealthChange>> {
        self.inner.registry.reach(who, id, permission::READS, "history.health")?;
        self.inner.store.read(move |db| store::health::list(db, id, since, until)).await
    }

    /// The calls of one server, or of all servers, newest first: everybody's where `who` may read those, else their own.
    /// Of all servers at once, those where they may not read are left out, unless only their own calls are asked for.
    pub async fn newest_calls(
        &self,
        who: &Principal,
        server: Option<ServerId>,
        mut filter: CallFilter,
        page: PageRequest,
    ) -> Result<Page<ToolCall>> {
        const ACTION: &str = "call.list";
        let servers = match server {
            Some(id) => {
                filter = self.readable_calls(who, id, filter, ACTION)?;
                vec![id]
            }
            None => {
                let own = filter.user_id == Some(who.user_id);
                let mut servers =
                    self.inner.registry.visible(who, if own { permission::USES } else { permission::READS }, ACTION)?;
                servers.sort_by_cached_key(|server| std::cmp::Reverse(server.current().last_used_at));
                servers.iter().map(|server| server.id).collect()
            }
        };
        self.inner.store.read(move |db| store::calls::list(db, &servers, &filter, &page)).await
    }

    /// The filter narrowed to the calls of a server that `who` may read: everybody's, or their own.
    pub(super) fn readable_calls(
        &self,
        who: &Principal,
        id: ServerId,
        filter: CallFilter,
        action: &str,
    ) -> Result<CallFilter> {
        if filter.user_id.is_some_and(|user| user != who.user_id) {
            self.inner.registry.reach(who, id, permission::READS, action)?;
        }
        let all = self.inner.registry.reach(who, id, permission::USES, action)?.allows(who, permission::READS);
        Ok(CallFilter { user_id: if all { filter.user_id } else { Some(who.user_id) }, ..filter })
    }

    /// One call, and what happened meanwhile.
    pub async fn recorded_call(&self, who: &Principal, id: CallId) -> Result<CallDetails> {
        let visible = self.inner.registry.visible(who, permission::USES, "call.read")?;
        let servers: Vec<_> = visible.iter().map(|server| server.id).collect();
        let found = self.inner.store.read(move |db| {
            let Some(call) = store::calls::find(db, &servers, id)? else { return Ok(None) };
            let meanwhile = meanwhile(db, &call)?;
            Ok(Some((call, meanwhile)))
        });
        let (call, mut meanwhile) = found.await?.ok_or(Error::NotFound(Noun::Call))?;
        let server = visible.iter().find(|server| server.id == call.server_id);
        if !server.is_some_and(|server| server.allows(who, permission::READS)) {
            if call.user_id != who.user_id {
                return Err(Error::NotFound(Noun::Call));
            }
            meanwhile.retain(|one| one.kind == MeanwhileKind::Queued);
        }
        let server_name = server.map(|server| server.server.load().config.name.clone()).unwrap_or_default();
        Ok(CallDetails { call, server_name, meanwhile })
    }

    /// The servers whose calls `who` may all see.
    pub(super) fn whose(&self, who: &Principal, action: &str) -> Result<Whose> {
        if who.may(Permission::McpManage) {
            return Ok(Whose::All);
        }
        let visible = self.inner.registry.visible(who, permission::READS, action)?;
        Ok(Whose::Servers(visible.iter().map(|server| server.id).collect()))
    }
}

fn meanwhile(db: &mut store::Connection, call: &ToolCall) -> Result<Vec<Meanwhile>> {
    let took = u64::try_from(call.waited.saturating_add(call.execution_time)).unwrap_or(0);
    let (since, until) = (call.created_at, call.created_at.plus(Duration::from_millis(took)).plus(AFTERWARDS));
    let mut all = Vec::new();
    if call.waited > 0 {
        let text = format!("waited {} ms for a process to ask", call.waited);
        all.push(Meanwhile { at: since, kind: MeanwhileKind::Queued, text });
    }
    all.extend(store::health::list(db, call.server_id, since, until)?.into_iter().map(of_health));
    let target = Some(call.server_id.to_string());
    let filter = AuditFilter { target, since: Some(since), until: Some(until), ..AuditFilter::default() };
    let page = PageRequest { limit: 100, cursor: None };
    all.extend(store::audit::list(db, &filter, &page)?.items.into_iter().filter_map(of_audit));
    all.sort_by_key(|one| one.at);
    Ok(all)
}

fn of_health(change: HealthChange) -> Meanwhile {
    let because = change.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = format!("health became {}{because}", change.health_status.as_str());
    Meanwhile { at: change.at, kind: MeanwhileKind::Health, text }
}

fn of_audit(entry: AuditEntry) -> Option<Meanwhile> {
    let kind = match entry.action.as_str() {
        "server.fail" => MeanwhileKind::Exit,
        "server.retry" | "server.restart" | "server.start" => MeanwhileKind::Restart,
        _ => return None,
    };
    let text = match (kind, entry.detail) {
        (MeanwhileKind::Exit, Some(detail)) => format!("the process {detail}"),
        (_, Some(detail)) => format!("started again {detail}"),
        (_, None) => format!("{} by {}", entry.action, entry.actor),
    };
    Some(Meanwhile { at: entry.created_at, kind, text })
}
