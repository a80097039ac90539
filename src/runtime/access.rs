//! Whether a caller may do what they ask for.

use crate::{
    error::{Error, Result},
    model::{Permission, Principal},
    policy::permission,
    runtime::Runtime,
};

impl Runtime {
    /// `Forbidden`, and a line in the audit log, unless `who` holds one of `wanted` or `mcp:manage`.
    pub(super) fn require_any(&self, who: &Principal, wanted: &[Permission], action: &str) -> Result<()> {
        match wanted.first() {
            Some(first) if !permission::holds_any(&who.permissions, wanted) => self.require(who, *first, action),
            _ => Ok(()),
        }
    }

    /// `Forbidden`, and a line in the audit log, unless `who` holds `permission`; `action` is `noun.verb`.
    pub(crate) fn require(&self, who: &Principal, permission: Permission, action: &str) -> Result<()> {
        if who.may(permission) {
            return Ok(());
        }
        let needed = permission::name(permission);
        self.audit_denied(who, action, needed);
        Err(Error::Forbidden(format!("{action} needs {needed}")))
    }
}
