//! The audit log.

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Page, PageRequest, Principal},
    runtime::Runtime,
};

impl Runtime {
    /// The audit log, newest first (`audit:read`).
    pub async fn audit(&self, _who: &Principal, _filter: AuditFilter, _page: PageRequest) -> Result<Page<AuditEntry>> {
        unimplemented!()
    }
    /// Records that `who` was refused something; never fails, and does not wait.
    pub(crate) fn audit_denied(&self, _who: &Principal, _action: &str, _target: &str) {
        unimplemented!()
    }
}
