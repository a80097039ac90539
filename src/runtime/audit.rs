//! The audit log.

use std::{
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Outcome, Page, PageRequest, Permission, Principal, UserId},
    policy::{
        audit_quota::{self, EntryKind, WINDOW},
        tools,
    },
    recorder::Recorder,
    runtime::{Inner, Runtime, registry::Registered},
    store,
};

/// How often it is looked whether entries were counted for long enough.
const INTERVAL: Duration = Duration::from_secs(10);

/// Entries of late that nobody asked for.
pub(super) struct AuditQuotas {
    start: Instant,
    counted: Mutex<audit_quota::Quotas>,
}

impl AuditQuotas {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), counted: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut audit_quota::Quotas, Duration) -> T) -> T {
        work(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner), self.start.elapsed())
    }
}

/// Puts what was only counted on record, for as long as the runtime lives.
pub(super) async fn put_sums_on_record(runtime: Weak<Inner>) {
    while let Some(inner) = runtime.upgrade() {
        let over = inner.audit_quotas.with(audit_quota::Quotas::over);
        put_on_record(inner.recorder.clone(), over).await;
        drop(inner);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Puts on record what was counted until now, before the end.
pub(super) async fn put_last_sums_on_record(inner: &Inner) {
    let rest = inner.audit_quotas.with(|counted, now| counted.over(now.saturating_add(WINDOW)));
    put_on_record(inner.recorder.clone(), rest).await;
}

async fn put_on_record(recorder: Recorder, entries: impl IntoIterator<Item = AuditEntry>) {
    for entry in entries {
        if let Err(cause) = recorder.audit(entry).await {
            log::warn!(cause:%; "an entry of the audit log could not be recorded");
        }
    }
}

impl Runtime {
    /// The audit log, newest first (`audit:read`).
    pub async fn audit(&self, who: &Principal, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        self.require(who, Permission::AuditRead, "audit.read")?;
        self.inner.store.read(move |db| store::audit::list(db, &filter, &page)).await
    }

    /// Records that `who` was refused something; does not wait, and a refusal stands even if it cannot be recorded.
    pub(crate) fn audit_denied(&self, who: &Principal, action: &str, target: &str) {
        self.put_denial_on_record(AuditEntry::by(who, action, target, Outcome::Denied));
    }

    /// Whether callers may know of a tool; where they may not, that `who` called it is in the audit log.
    pub(super) fn permits(&self, who: &Principal, server: &Registered, tool: &str) -> bool {
        let permitted = tools::permit(&server.server.load().config.tools, tool);
        if !permitted {
            let entry = AuditEntry::by(who, "tool.call", server.id, Outcome::Denied);
            self.put_denial_on_record(entry.with_detail(format!("the tool {tool}")));
        }
        permitted
    }

    fn put_denial_on_record(&self, entry: AuditEntry) {
        let entry = self.unless_too_many(EntryKind::Refusal, entry.actor_id, entry);
        tokio::spawn(put_on_record(self.inner.recorder.clone(), entry));
    }

    /// The entry of a change by `who`, which counts against how much they may change: `RateLimited` before it is made.
    pub(super) fn change(&self, who: &Principal, action: &str, target: impl ToString) -> Result<AuditEntry> {
        self.limit_change(who)?;
        Ok(AuditEntry::by(who, action, target, Outcome::Success))
    }

    /// Records an entry that happens without being asked for by itself, or counts it.
    pub(super) async fn put_on_record_or_count(
        &self,
        kind: EntryKind,
        account: Option<UserId>,
        entry: AuditEntry,
    ) -> Result<()> {
        let Some(entry) = self.unless_too_many(kind, account, entry) else { return Ok(()) };
        self.put_on_record(entry).await
    }

    /// An entry that happens without being asked for, where it may be on record by itself; otherwise it is counted.
    pub(super) fn unless_too_many(
        &self,
        kind: EntryKind,
        account: Option<UserId>,
        entry: AuditEntry,
    ) -> Option<AuditEntry> {
        self.inner.audit_quotas.with(|counted, now| counted.admit(kind, account, entry, now))
    }
}
