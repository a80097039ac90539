//! Entries of the audit log: of changes, of denials, and of what happens without being asked for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    access::Access,
    error::Result,
    model::{AuditEntry, Outcome, Principal, UserId},
    policy::audit_quota::{EntryKind, Quotas, WINDOW},
    recorder::Recorder,
    tasks::every,
};

/// Pause between looks at entries that were counted for long enough.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// Recent entries that were not asked for, by kind and account.
pub(super) struct AuditQuotas {
    start: Instant,
    counted: Mutex<Quotas>,
}

impl AuditQuotas {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), counted: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Quotas, Duration) -> T) -> T {
        work(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner), self.start.elapsed())
    }
}

impl Access {
    /// Records that `who` was refused something; does not wait, and a refusal stands even if it cannot be recorded.
    pub fn record_denial(&self, who: &Principal, action: &str, target: &str) {
        self.record_denied(AuditEntry::by(who, action, target, Outcome::Denied));
    }

    /// Records a denial with more to say than action and target.
    pub fn record_denied(&self, entry: AuditEntry) {
        let entry = self.admit_entry(EntryKind::Refusal, entry.actor_id, entry);
        tokio::spawn(record_all(self.recorder.clone(), entry));
    }

    /// The entry of a change by `who`, which counts against how much they may change: `RateLimited` before it is made.
    pub fn change(&self, who: &Principal, action: &str, target: impl ToString) -> Result<AuditEntry> {
        self.limit_change(who)?;
        Ok(AuditEntry::by(who, action, target, Outcome::Success))
    }

    /// Records an entry that was not asked for, or counts it where its account has too many.
    pub async fn record_or_count(&self, kind: EntryKind, account: Option<UserId>, entry: AuditEntry) -> Result<()> {
        let Some(entry) = self.admit_entry(kind, account, entry) else { return Ok(()) };
        self.recorder.commit_entry(entry).await
    }

    /// The entry, where it may be on record by itself; otherwise it is counted.
    pub fn admit_entry(&self, kind: EntryKind, account: Option<UserId>, entry: AuditEntry) -> Option<AuditEntry> {
        self.quotas.with(|counted, now| counted.admit(kind, account, entry, now))
    }

    /// Records summaries of what was only counted, until `self` is dropped.
    pub fn summarize(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        every(SUMMARY_INTERVAL, Arc::downgrade(self), |access: Arc<Self>| async move {
            record_all(access.recorder.clone(), access.quotas.with(Quotas::over)).await;
        })
    }

    /// Records summaries of what was counted until now, before the end.
    pub async fn summarize_now(&self) {
        let rest = self.quotas.with(|counted, now| counted.over(now.saturating_add(WINDOW)));
        record_all(self.recorder.clone(), rest).await;
    }
}

async fn record_all(recorder: Recorder, entries: impl IntoIterator<Item = AuditEntry>) {
    for entry in entries {
        if let Err(cause) = recorder.audit(entry).await {
            log::warn!(cause:%; "an entry of the audit log could not be recorded");
        }
    }
}
