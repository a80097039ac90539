//! Permissions or denials on record, rate limits of callers, and the audit log.
//!
//! Knows nothing of what is protected: callers name the action and its target.

mod audit_entries;
mod audit_heads;
mod audit_log;
mod audit_retention;
mod audit_verification;
pub(crate) mod credentials;
mod head_message;
mod head_receivers;
mod rate_limits;

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    model::{AuditEntry, Credential, Outcome, Permission, Principal},
    policy::permission,
    recorder::Recorder,
    tasks::every,
};

pub use crate::policy::rate::Limit;
pub(crate) use audit_entries::AuditEntries;
pub(crate) use audit_heads::{heads_of_last_run, published_heads, write_head};
pub use audit_log::AuditLog;
pub use audit_verification::AuditVerdict;
pub(crate) use audit_verification::verify;
pub use head_receivers::AuditReceivers;
pub(crate) use head_receivers::HeadReceivers;
pub(crate) use rate_limits::RateLimiter;
pub use rate_limits::RateLimits;

/// Decides on permissions, and puts denials on record.
pub struct Access {
    entries: AuditEntries,
    limits: RateLimiter,
}

impl Access {
    /// Limits by `limits`, with nothing counted yet.
    pub(crate) fn new(recorder: Recorder, limits: &RateLimits) -> Self {
        Self { entries: AuditEntries::new(recorder), limits: RateLimiter::new(limits) }
    }

    /// Records summaries of entries that were only counted, until `self` is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        every(audit_entries::SUMMARY_INTERVAL, Arc::downgrade(self), |access: Arc<Self>| async move {
            access.entries.summarize().await;
        })
    }

    /// Entries of the audit log that are no changes.
    pub(crate) fn entries(&self) -> &AuditEntries {
        &self.entries
    }

    /// Rate limits of callers.
    pub(crate) fn limits(&self) -> &RateLimiter {
        &self.limits
    }

    /// The entry of a change by `who`, which counts against how much they may change: `RateLimited` before it is made.
    pub(crate) fn change(&self, who: &Principal, action: &str, target: impl ToString) -> Result<AuditEntry> {
        self.limits.change(who)?;
        Ok(AuditEntry::by(who, action, target, Outcome::Success))
    }

    /// `Forbidden`, and a line in the audit log, unless `who` holds one of `wanted` or `mcp:manage`.
    pub fn require_any(&self, who: &Principal, wanted: &[Permission], action: &str) -> Result<()> {
        match wanted.first() {
            Some(first) if !permission::holds_any(&who.permissions, wanted) => self.require(who, *first, action),
            _ => Ok(()),
        }
    }

    /// `Forbidden`, and a line in the audit log, unless `who` holds `permission`; `action` is `noun.verb`.
    pub fn require(&self, who: &Principal, permission: Permission, action: &str) -> Result<()> {
        if who.may(permission) {
            return Ok(());
        }
        let needed = permission::name(permission);
        self.entries.record_denial(who, action, needed);
        Err(Error::Forbidden(format!("{action} needs {needed}")))
    }

    /// `Forbidden`, and a line in the audit log, where an API key, or a token of another issuer, tries what only a
    /// person may.
    pub(crate) fn require_person(&self, who: &Principal, action: &str) -> Result<()> {
        match who.credential {
            Credential::Session(_) | Credential::Embedder => Ok(()),
            Credential::Key(id) => {
                self.entries.record_denial(who, action, &id.to_string());
                Err(Error::Forbidden(format!("{action} is not for API keys; log in")))
            }
            Credential::Token(_) => {
                self.entries.record_denial(who, action, &who.user_id.to_string());
                Err(Error::Forbidden(format!("{action} is not for tokens of another issuer; log in")))
            }
        }
    }
}
