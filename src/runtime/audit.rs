//! The audit log.

use std::{
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Outcome, Page, PageRequest, Permission, Principal},
    policy::{refusals, tools},
    recorder::Recorder,
    runtime::{Inner, Runtime, registry::Registered},
    store,
};

/// How often it is looked whether refusals were counted for long enough.
const INTERVAL: Duration = Duration::from_secs(10);

/// Refusals of late.
pub(super) struct Refusals {
    start: Instant,
    counted: Mutex<refusals::Refusals>,
}

impl Refusals {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), counted: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut refusals::Refusals, Duration) -> T) -> T {
        work(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner), self.start.elapsed())
    }
}

/// Puts refusals that were only counted on record, for as long as the runtime lives.
pub(super) async fn sum_refusals(runtime: Weak<Inner>) {
    while let Some(inner) = runtime.upgrade() {
        let over = inner.refusals.with(refusals::Refusals::over);
        put_on_record(inner.recorder.clone(), over).await;
        drop(inner);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Puts on record what was counted until now, before the end.
pub(super) async fn sum_last_refusals(inner: &Inner) {
    let rest = inner.refusals.with(|counted, now| counted.over(now.saturating_add(refusals::WINDOW)));
    put_on_record(inner.recorder.clone(), rest).await;
}

async fn put_on_record(recorder: Recorder, refusals: impl IntoIterator<Item = AuditEntry>) {
    for entry in refusals {
        if let Err(cause) = recorder.audit(entry).await {
            log::warn!(cause:%; "a refusal could not be recorded");
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
        let entry = self.inner.refusals.with(|counted, now| counted.admit(entry, now));
        tokio::spawn(put_on_record(self.inner.recorder.clone(), entry));
    }
}
