//! The audit log.

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Outcome, Page, PageRequest, Permission, Principal},
    runtime::Runtime,
    store,
};

impl Runtime {
    /// The audit log, newest first (`audit:read`).
    pub async fn audit(&self, who: &Principal, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        self.require(who, Permission::AuditRead, "audit.read")?;
        self.inner.store.read(move |db| store::audit::list(db, &filter, &page)).await
    }

    /// Records that `who` was refused something; does not wait, and a refusal stands even if it cannot be recorded.
    pub(crate) fn audit_denied(&self, who: &Principal, action: &str, target: &str) {
        let entry = AuditEntry::by(who, action, target, Outcome::Denied);
        let recorder = self.inner.recorder.clone();
        tokio::spawn(async move {
            if let Err(cause) = recorder.audit(entry).await {
                log::warn!(cause:%; "a refusal could not be recorded");
            }
        });
    }
}
