//! The audit log.

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Outcome, Page, PageRequest, Permission, Principal},
    policy::tools,
    runtime::{Runtime, registry::Registered},
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
        let recorder = self.inner.recorder.clone();
        tokio::spawn(async move {
            if let Err(cause) = recorder.audit(entry).await {
                log::warn!(cause:%; "a refusal could not be recorded");
            }
        });
    }
}
