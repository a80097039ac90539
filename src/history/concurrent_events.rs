//! [`ConcurrentEvent`]: something that happened to a server during a call.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, HealthChange, PageRequest, ProcessAction, Timestamp, ToolCall},
    store,
};

/// An event that ends a call is recorded a moment after its response.
const RECORDING_DELAY_MAX: Duration = Duration::from_secs(1);

/// Entries of the audit log that are looked through: a call during which there are more shows the newest.
const ENTRIES_MAX: u32 = 100;

/// Something that happened during a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Meanwhile)]
#[non_exhaustive]
pub struct ConcurrentEvent {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Its kind.
    pub kind: ConcurrentEventKind,
    /// For people.
    pub text: String,
}

/// The kind of an event during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MeanwhileKind)]
#[non_exhaustive]
pub enum ConcurrentEventKind {
    /// The call waited for a process.
    Queued,
    /// The server was restarted.
    Restart,
    /// Its health changed.
    Health,
    /// A process of it ended.
    Exit,
}

/// The events during a call, oldest first.
pub(super) fn of_call(db: &mut store::Connection, call: &ToolCall) -> Result<Vec<ConcurrentEvent>> {
    let took = u64::try_from(call.waited.saturating_add(call.execution_time)).unwrap_or(0);
    let (since, until) = (call.created_at, call.created_at.plus(Duration::from_millis(took)).plus(RECORDING_DELAY_MAX));
    let mut events = Vec::new();
    if call.waited > 0 {
        let text = format!("waited {} ms for a process to ask", call.waited);
        events.push(ConcurrentEvent { at: since, kind: ConcurrentEventKind::Queued, text });
    }
    events.extend(store::health::list(db, call.server_id, since, until)?.into_iter().map(of_health));
    let target = Some(call.server_id.to_string());
    let filter = AuditFilter { target, since: Some(since), until: Some(until), ..AuditFilter::default() };
    let page = PageRequest { limit: ENTRIES_MAX, cursor: None };
    events.extend(store::audit::list(db, &filter, &page)?.items.into_iter().filter_map(of_audit));
    events.sort_by_key(|event| event.at);
    Ok(events)
}

fn of_health(change: HealthChange) -> ConcurrentEvent {
    let because = change.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = format!("health became {}{because}", change.health_status.as_str());
    ConcurrentEvent { at: change.at, kind: ConcurrentEventKind::Health, text }
}

fn of_audit(entry: AuditEntry) -> Option<ConcurrentEvent> {
    let kind = match ProcessAction::parse(&entry.action)? {
        ProcessAction::Fail => ConcurrentEventKind::Exit,
        ProcessAction::Retry | ProcessAction::Restart | ProcessAction::Start => ConcurrentEventKind::Restart,
        ProcessAction::Stop
        | ProcessAction::Spawn
        | ProcessAction::Respawn
        | ProcessAction::GiveUp
        | ProcessAction::Recover => return None,
    };
    let text = match (kind, entry.detail) {
        (ConcurrentEventKind::Exit, Some(detail)) => format!("the process {detail}"),
        (_, Some(detail)) => format!("started again {detail}"),
        (_, None) => format!("{} by {}", entry.action, entry.actor),
    };
    Some(ConcurrentEvent { at: entry.created_at, kind, text })
}
