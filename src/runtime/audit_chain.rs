//! Whether the audit log is as it was written.

use std::{io, path::Path, sync::Weak, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{AuditFault, AuditLink, Permission, Principal, Timestamp},
    policy::audit_chain::Walk,
    runtime::{Inner, Runtime},
    secrets::private_file,
    store,
    tasks::blocking,
};

/// Entries read at once.
const PAGE: i64 = 1000;

/// Attempts to walk along a chain whose beginning is removed meanwhile.
const ATTEMPTS: usize = 3;

/// How often the head of the chain is in the log.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is written beside the key, where it is another.
const SECOND: Duration = Duration::from_secs(1);

/// The file in the data folder where the chain ended, out of reach of who can only write to the database.
const FILE: &str = "audit.head";

/// What verifying the audit log found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerification)]
pub struct AuditVerdict {
    /// Whether every entry is as it was written, and none is missing or was put in, but for the oldest, which Ostler
    /// itself removed.
    pub verified: bool,
    /// How many are there.
    pub entries: u64,
    /// How many of them were linked before there was a key: those were safe from nobody until then.
    pub unkeyed: u64,
    /// Entries gone from the beginning.
    pub removed: u64,
    /// How many of them Ostler itself removed, for their age or number.
    pub removed_by_retention: u64,
    /// The time of the newest of those.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed_until: Option<Timestamp>,
    /// The newest link that was looked at: note it elsewhere, and verify with it as the `anchor` later.
    #[schema(value_type = Option<String>)]
    pub head: Option<AuditLink>,
    /// The id of the first entry that is not as it was, or the link that was not met.
    pub first_broken: Option<String>,
    /// What is wrong there.
    pub problem: Option<AuditFault>,
}

/// The first entry that is amiss, and what about it.
type Broken = Option<(String, AuditFault)>;

impl Runtime {
    /// Verifies the whole audit log (`audit:read`), a page at a time, while others write; and whether `anchor`, a head
    /// noted earlier, is still part of it. Takes time by the number of entries.
    pub async fn verify_audit(&self, who: &Principal, anchor: Option<AuditLink>) -> Result<AuditVerdict> {
        self.require(who, Permission::AuditRead, "audit.verify")?;
        let heads = self.inner.recorder.chain().heads().into_iter().map(|head| (head, AuditFault::Cut));
        let anchors: Vec<_> = heads.chain(anchor.map(|anchor| (anchor, AuditFault::Anchor))).collect();
        let (walk, broken) = self.walk_all(&anchors).await?;
        let unlinked = self.inner.store.read(store::audit_chain::first_unlinked).await?;
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

    /// A walk along the chain; another one where the beginning was removed before it was over, as that looks like a gap.
    async fn walk_all(&self, anchors: &[(AuditLink, AuditFault)]) -> Result<(Walk, Broken)> {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            attempts.next();
            let begun = self.inner.store.read(store::audit_chain::oldest).await?;
            let walk = Walk::new(self.inner.keyring.audit.clone(), anchors.to_vec());
            let (walk, broken) = self.walk(walk).await?;
            let sound = broken.is_none() && walk.finish().is_none();
            if sound || attempts.is_empty() || self.inner.store.read(store::audit_chain::oldest).await? == begun {
                return Ok((walk, broken));
            }
        }
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

/// Writes the head of the chain into the data folder within a second, so that the next run knows where it ended.
pub(super) async fn keep_heads(runtime: Weak<Inner>) {
    let mut noted = Vec::new();
    while let Some(inner) = runtime.upgrade() {
        let heads = inner.recorder.chain().heads();
        if heads != noted {
            note_heads(&inner).await;
            noted = heads;
        }
        drop(inner);
        tokio::time::sleep(SECOND).await;
    }
}

/// Writes the head of the chain into the data folder.
pub(super) async fn note_heads(inner: &Inner) {
    let path = inner.settings.data_dir.join(FILE);
    let lines: Vec<_> = inner.recorder.chain().heads().iter().map(ToString::to_string).collect();
    let write = move || {
        if let Err(cause) = private_file::replace(&path, &lines.join("\n")) {
            log::warn!(path:% = path.display(), cause:%; "where the audit log ends cannot be written down");
        }
        Ok(())
    };
    // It does not fail.
    let _ = blocking(write).await;
}

/// The head of the chain as the run before wrote it down. Blocks.
pub(super) fn noted_heads(data_dir: &Path) -> Vec<AuditLink> {
    let path = data_dir.join(FILE);
    match private_file::read(&path) {
        Ok(text) => text.lines().filter_map(|line| AuditLink::try_from(line.to_owned()).ok()).collect(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => {
            log::warn!(path:% = path.display(), cause:%; "where the audit log ended cannot be read");
            Vec::new()
        }
    }
}
