//! Table `audit_logs`; lines are added and never changed.

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, Page, PageRequest},
    store::Connection,
};

/// Adds lines, all or none.
pub fn insert(_db: &mut Connection, _entries: &[AuditEntry]) -> Result<()> {
    unimplemented!()
}

/// Lines, newest first.
pub fn list(_db: &mut Connection, _filter: &AuditFilter, _page: &PageRequest) -> Result<Page<AuditEntry>> {
    unimplemented!()
}
