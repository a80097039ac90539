//! Whether the audit log is as it was written.

use std::{sync::Weak, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{AuditFault, AuditLink, Permission, Principal},
    policy::audit_chain::Walk,
    runtime::{Inner, Runtime},
    store,
};

/// Entries read at once.
const PAGE: i64 = 1000;

/// How often the head of the chain is in the log.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What verifying the audit log found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerification)]
pub struct AuditVerdict {
    /// Whether every entry since the first that is left is as it was written, none is missing and none was put in.
    pub verified: bool,
    /// How many are.
    pub entries: u64,
    /// Entries removed from the beginning.
    pub removed: u64,
    /// Entries older than the chain, which nothing can be said of.
    pub not_covered: u64,
    /// The newest link that was looked at: note it elsewhere, and verify with it as the `anchor` later.
    #[schema(value_type = Option<String>)]
    pub head: Option<AuditLink>,
    /// The id of the first entry that is not as it was, or the anchor that was not met.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub first_broken: Option<String>,
    /// What is wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub problem: Option<AuditFault>,
}

/// The first entry that is amiss, and what about it.
type Broken = Option<(String, AuditFault)>;

impl Runtime {
    /// Verifies the whole audit log (`audit:read`), a page at a time, while others write; and whether `anchor`, a head
    /// noted earlier, is still part of it. Takes time by the number of entries.
    pub async fn verify_audit(&self, who: &Principal, anchor: Option<AuditLink>) -> Result<AuditVerdict> {
        self.require(who, Permission::AuditRead, "audit.verify")?;
        let oldest = self.inner.store.read(store::audit_chain::oldest).await?;
        let (walk, mut broken) = self.walk(Walk::new(anchor)).await?;
        let begin = oldest.clone();
        let before = move |db: &mut store::Connection| store::audit_chain::count_unlinked(db, begin.as_deref());
        let not_covered = self.inner.store.read(before).await?;
        if let (None, Some(oldest)) = (&broken, oldest) {
            broken = self.unlinked_after(oldest).await?;
        }
        let broken = broken.or_else(|| walk.missed().map(|anchor| (anchor.to_string(), AuditFault::Anchor)));
        Ok(AuditVerdict {
            verified: broken.is_none(),
            entries: walk.entries,
            removed: walk.removed,
            not_covered: u64::try_from(not_covered).unwrap_or_default(),
            head: walk.last().cloned(),
            problem: broken.as_ref().map(|(_, fault)| *fault),
            first_broken: broken.map(|(entry, _)| entry),
        })
    }

    async fn walk(&self, mut walk: Walk) -> Result<(Walk, Broken)> {
        loop {
            let before = walk.last().cloned();
            // Hashing belongs beside the reading, off the threads that answer requests.
            let step = move |db: &mut store::Connection| {
                let after = walk.last().map_or(0, |link| link.seq);
                let page = store::audit_chain::page(db, after, PAGE)?;
                let broken = page.iter().find_map(|one| walk.take(one).err().map(|fault| (one.entry.clone(), fault)));
                Ok((walk, broken))
            };
            let (taken, broken) = self.inner.store.read(step).await?;
            if broken.is_some() || taken.last() == before.as_ref() {
                return Ok((taken, broken));
            }
            walk = taken;
        }
    }

    /// The first entry without a link: an entry and its link are one transaction, so it was put in.
    async fn unlinked_after(&self, mut after: String) -> Result<Broken> {
        loop {
            let page = self.inner.store.read(move |db| store::audit_chain::lines_after(db, &after, PAGE)).await?;
            let Some((last, _)) = page.last().cloned() else { return Ok(None) };
            if let Some((id, _)) = page.into_iter().find(|(_, linked)| !linked) {
                return Ok(Some((id, AuditFault::Unlinked)));
            }
            after = last;
        }
    }

    async fn tell_head(&self) -> Result<()> {
        let head = self.inner.store.read(store::audit_chain::head).await?;
        log::info!(head:%; "the audit log ends here: /api/audit/verify?anchor= tells whether it still holds this");
        Ok(())
    }
}

/// Puts the head of the chain into the log once a day, which is out of reach of who can only write to the database.
pub(super) async fn tell_heads(runtime: Weak<Inner>) {
    while let Some(inner) = runtime.upgrade() {
        if let Err(cause) = (Runtime { inner }).tell_head().await {
            log::warn!(cause:%; "the head of the audit log cannot be read; it is told tomorrow");
        }
        tokio::time::sleep(DAY).await;
    }
}
