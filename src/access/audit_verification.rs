//! Verification of the audit log: a walk along its whole chain, a page at a time, while others write.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{AuditFault, AuditLink, Timestamp},
    policy::audit_chain::{ChainKey, Walk},
    store::{self, Store},
};

/// Entries read at once: few enough for one read of the database to be short.
const PAGE_ENTRIES: i64 = 1000;

/// Attempts to walk along a chain whose beginning is removed meanwhile.
const WALKS_MAX: usize = 3;

/// The result of verifying the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerification)]
#[non_exhaustive]
pub struct AuditVerdict {
    /// True when every entry is as it was written, and none is missing or was inserted, but for the oldest, which
    /// Ostler itself removed.
    pub verified: bool,
    /// Number of entries.
    pub entries: u64,
    /// Number of those that were linked before there was a key: until then, anyone with the database could forge them.
    pub unkeyed: u64,
    /// Entries gone from the beginning.
    pub removed: u64,
    /// Number of those that Ostler itself removed, for their age or number.
    pub removed_by_retention: u64,
    /// The time of the newest of those.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed_until: Option<Timestamp>,
    /// The newest link that was looked at: note it elsewhere, and verify with it as the `anchor` later.
    #[schema(value_type = Option<String>)]
    pub head: Option<AuditLink>,
    /// The id of the first entry that is not as it was, or the link that was not met.
    pub first_broken: Option<String>,
    /// The fault found there.
    pub problem: Option<AuditFault>,
}

/// The first entry that is amiss, and what about it.
type Broken = Option<(String, AuditFault)>;

/// Verifies the whole log: that it was linked with `key`, and holds all of `anchors`.
pub(crate) async fn verify(store: &Store, key: &ChainKey, anchors: &[(AuditLink, AuditFault)]) -> Result<AuditVerdict> {
    let (walk, broken) = walk_all(store, key, anchors).await?;
    let unlinked = store.read(store::audit_adoption::first_unlinked).await?;
    let broken = broken.or(unlinked.map(|entry| (entry, AuditFault::Unlinked))).or_else(|| walk.finish());
    let (removed_by_retention, removed_until) = walk.removed_by_retention();
    Ok(AuditVerdict {
        verified: broken.is_none(),
        entries: walk.entries,
        unkeyed: walk.unkeyed,
        removed: walk.removed(),
        removed_by_retention,
        removed_until,
        head: walk.last().cloned(),
        problem: broken.as_ref().map(|(_, fault)| *fault),
        first_broken: broken.map(|(entry, _)| entry),
    })
}

/// Walks along the chain; starts over where the beginning was removed before it was done, as that looks like a gap.
async fn walk_all(store: &Store, key: &ChainKey, anchors: &[(AuditLink, AuditFault)]) -> Result<(Walk, Broken)> {
    let mut attempts = 1..=WALKS_MAX;
    loop {
        attempts.next();
        let begun = store.read(store::audit_chain::oldest).await?;
        let (walk, broken) = walk(store, Walk::new(key.clone(), anchors.iter().cloned())).await?;
        let sound = broken.is_none() && walk.finish().is_none();
        if sound || attempts.is_empty() || store.read(store::audit_chain::oldest).await? == begun {
            return Ok((walk, broken));
        }
    }
}

async fn walk(store: &Store, mut walk: Walk) -> Result<(Walk, Broken)> {
    loop {
        let before = walk.last().cloned();
        // Hashing belongs beside the reading, off the threads that answer requests.
        let step = move |db: &mut store::Connection| {
            let after = walk.last().map_or(0, |link| link.seq);
            let page = store::audit_chain::page(db, after, PAGE_ENTRIES)?;
            let broken = page.iter().find_map(|one| walk.take(one).err().map(|fault| (one.entry.clone(), fault)));
            Ok((walk, broken))
        };
        let (taken, broken) = store.read(step).await?;
        if broken.is_some() || taken.last() == before.as_ref() {
            return Ok((taken, broken));
        }
        walk = taken;
    }
}
