//! [`AuditEntries`]: records denials and what happens without being asked for, or counts it where it is too much.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    error::Result,
    model::{AuditEntry, Outcome, Principal, UserId},
    policy::audit_quota::{EntryKind, Quotas, SUMMARY_WINDOW},
    recorder::Recorder,
};

/// Pause between two [`AuditEntries::summarize`].
pub(super) const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// Records entries that are no changes; those of one account and kind beyond a quota are summarized.
pub(crate) struct AuditEntries {
    recorder: Recorder,
    start: Instant,
    quotas: Mutex<Quotas>,
}

impl AuditEntries {
    /// Counts from now on.
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder, start: Instant::now(), quotas: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Quotas, Duration) -> T) -> T {
        work(&mut self.quotas.lock(), self.start.elapsed())
    }

    /// Records that `who` was refused something; does not wait, and a refusal stands even if it cannot be recorded.
    pub(crate) fn record_denial(&self, who: &Principal, action: &str, target: &str) {
        self.record_denied(AuditEntry::by(who, action, target, Outcome::Denied));
    }

    /// Records a denial with more to say than action and target.
    pub(crate) fn record_denied(&self, entry: AuditEntry) {
        let entry = self.admit(EntryKind::Refusal, entry.actor_id, entry);
        self.recorder.spawn(record_all(self.recorder.clone(), entry));
    }

    /// Records an entry that was not asked for, or counts it where its account has too many.
    pub(crate) async fn record_or_count(
        &self,
        kind: EntryKind,
        account: Option<UserId>,
        entry: AuditEntry,
    ) -> Result<()> {
        let Some(entry) = self.admit(kind, account, entry) else { return Ok(()) };
        self.recorder.commit_entry(entry).await
    }

    /// The entry, where it may be on record by itself; otherwise it is counted.
    pub(crate) fn admit(&self, kind: EntryKind, account: Option<UserId>, entry: AuditEntry) -> Option<AuditEntry> {
        self.with(|counted, now| counted.admit(kind, account, entry, now))
    }

    /// Records summaries of what was only counted for long enough.
    pub(super) async fn summarize(&self) {
        record_all(self.recorder.clone(), self.with(Quotas::over)).await;
    }

    /// Records summaries of what was counted until now, before the end.
    pub(crate) async fn summarize_all(&self) {
        let rest = self.with(|counted, now| counted.over(now.saturating_add(SUMMARY_WINDOW)));
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
