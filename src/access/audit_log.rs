//! [`AuditLog`]: lists, verifies and prunes the audit log, and notes the head of its chain outside the database.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Access, audit_retention},
    error::Result,
    model::{AuditEntry, AuditFault, AuditFilter, AuditLink, Page, PageRequest, Permission, Principal, Timestamp},
    policy::{audit_chain::Walk, retention::Retention},
    recorder::Recorder,
    secrets::private_file,
    store::{self, Store},
    tasks::{blocking, every},
};

/// Entries read at once: few enough for one read of the database to be short.
const PAGE_ENTRIES: i64 = 1000;

/// Attempts to walk along a chain whose beginning is removed meanwhile.
const WALKS_MAX: usize = 3;

/// Pause between log lines with the head of the chain.
const HEAD_LOG_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause between looks whether the head that is noted in the data folder is another.
const HEAD_NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// The file in the data folder with the head of the chain, out of reach of who can only write to the database.
const HEAD_FILE: &str = "audit.head";

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

/// The audit log: listed, verified, pruned by age and bytes.
pub struct AuditLog {
    access: Arc<Access>,
    store: Store,
    recorder: Recorder,
    retention: Retention,
    head_file: PathBuf,
    noted: Mutex<Vec<AuditLink>>,
}

impl AuditLog {
    /// The log in `store`, whose head is noted in `data_dir`; pruned as `retention` says.
    pub(crate) fn new(
        access: Arc<Access>,
        store: Store,
        recorder: Recorder,
        retention: Retention,
        data_dir: &Path,
    ) -> Self {
        Self { access, store, recorder, retention, head_file: data_dir.join(HEAD_FILE), noted: Mutex::default() }
    }

    /// Entries, newest first (`audit:read`).
    pub async fn list(&self, who: &Principal, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        self.access.require(who, Permission::AuditRead, "audit.read")?;
        self.store.read(move |db| store::audit::list(db, &filter, &page)).await
    }

    /// Verifies the whole audit log (`audit:read`), a page at a time, while others write; and whether `anchor`, a head
    /// noted earlier, is still part of it. Takes time by the number of entries.
    pub async fn verify(&self, who: &Principal, anchor: Option<AuditLink>) -> Result<AuditVerdict> {
        self.access.require(who, Permission::AuditRead, "audit.verify")?;
        let heads = self.recorder.chain().heads().into_iter().map(|head| (head, AuditFault::Cut));
        let anchors: Vec<_> = heads.chain(anchor.map(|anchor| (anchor, AuditFault::Anchor))).collect();
        let (walk, broken) = self.walk_all(&anchors).await?;
        let unlinked = self.store.read(store::audit_adoption::first_unlinked).await?;
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
    async fn walk_all(&self, anchors: &[(AuditLink, AuditFault)]) -> Result<(Walk, Broken)> {
        let mut attempts = 1..=WALKS_MAX;
        loop {
            attempts.next();
            let begun = self.store.read(store::audit_chain::oldest).await?;
            let walk = Walk::new(self.recorder.chain().key().clone(), anchors.to_vec());
            let (walk, broken) = self.walk(walk).await?;
            let sound = broken.is_none() && walk.finish().is_none();
            if sound || attempts.is_empty() || self.store.read(store::audit_chain::oldest).await? == begun {
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
                let page = store::audit_chain::page(db, after, PAGE_ENTRIES)?;
                let broken = page.iter().find_map(|one| walk.take(one).err().map(|fault| (one.entry.clone(), fault)));
                Ok((walk, broken))
            };
            let (taken, broken) = self.store.read(step).await?;
            if broken.is_some() || taken.last() == before.as_ref() {
                return Ok((taken, broken));
            }
            walk = taken;
        }
    }

    /// Does what is to be done beside requests, until `self` is dropped: logs and notes heads, removes old entries.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let log = Arc::downgrade(self);
        async move {
            tokio::join!(
                every(HEAD_LOG_INTERVAL, log.clone(), Self::log_head),
                every(HEAD_NOTE_INTERVAL, log.clone(), Self::note_new_head),
                every(audit_retention::INTERVAL, log, Self::prune),
            );
        }
    }

    /// Puts the head of the chain into the log, which is out of reach of who can only write to the database.
    async fn log_head(self: Arc<Self>) {
        match self.store.read(store::audit_chain::head).await {
            Ok(head) => {
                log::info!(head:%; "the audit log ends here: /api/audit/verify?anchor= tells whether it still holds this");
            }
            Err(cause) => log::warn!(cause:%; "the head of the audit log cannot be read; it is logged tomorrow"),
        }
    }

    async fn note_new_head(self: Arc<Self>) {
        let heads = self.recorder.chain().heads();
        if *self.noted.lock() != heads {
            self.note_head().await;
        }
    }

    /// Writes the head of the chain into the data folder, so that the next run knows where it ended.
    pub(crate) async fn note_head(&self) {
        let heads = self.recorder.chain().heads();
        let (path, lines): (_, Vec<_>) = (self.head_file.clone(), heads.iter().map(ToString::to_string).collect());
        let write = move || {
            if let Err(cause) = private_file::replace(&path, &lines.join("\n")) {
                log::warn!(path:% = path.display(), cause:%; "where the audit log ends cannot be written down");
            }
            Ok(())
        };
        // It does not fail.
        let _ = blocking(write).await;
        *self.noted.lock() = heads;
    }

    async fn prune(self: Arc<Self>) {
        audit_retention::prune(&self.store, &self.recorder, &self.retention).await;
    }
}

/// The head of the chain as the last run noted it. Blocks.
pub(crate) fn heads_of_last_run(data_dir: &Path) -> Vec<AuditLink> {
    let path = data_dir.join(HEAD_FILE);
    match private_file::read(&path) {
        Ok(text) => text.lines().filter_map(|line| AuditLink::try_from(line.to_owned()).ok()).collect(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => {
            log::warn!(path:% = path.display(), cause:%; "where the audit log ended cannot be read");
            Vec::new()
        }
    }
}
