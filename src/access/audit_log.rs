//! [`AuditLog`]: lists, verifies and prunes the audit log, and publishes the head of its chain outside the database.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    access::{
        Access,
        audit_heads::AuditHeads,
        audit_retention,
        audit_verification::{AuditVerdict, verify},
        head_receivers::HeadReceivers,
    },
    error::Result,
    model::{AuditEntry, AuditFault, AuditFilter, AuditLink, Page, PageRequest, Permission, Principal},
    policy::retention::Retention,
    recorder::Recorder,
    store::{self, Store},
    tasks::{blocking, every},
};

/// Pause between log lines with the head of the chain, where it is another.
const HEAD_LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Pause between lines of the file outside with the head, where it is another, and between messages to receivers.
const HEAD_PUBLISH_INTERVAL: Duration = Duration::from_secs(60);

/// Pause between looks whether the head that is noted in the data folder is another.
const HEAD_NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// The audit log: listed, verified, pruned by age and bytes.
pub struct AuditLog {
    access: Arc<Access>,
    store: Store,
    recorder: Recorder,
    retention: Retention,
    heads: Arc<AuditHeads>,
    receivers: HeadReceivers,
    logged: Mutex<Option<AuditLink>>,
}

impl AuditLog {
    /// The log in `store`, whose head is noted in `data_dir`, published in `head_file` and sent to `receivers`; pruned
    /// as `retention` says.
    pub(crate) fn new(
        access: Arc<Access>,
        store: Store,
        recorder: Recorder,
        retention: Retention,
        data_dir: &Path,
        head_file: Option<PathBuf>,
        receivers: HeadReceivers,
    ) -> Self {
        let heads = Arc::new(AuditHeads::new(data_dir, head_file));
        Self { access, store, recorder, retention, heads, receivers, logged: Mutex::default() }
    }

    /// Entries, newest first (`audit:read`).
    pub async fn list(&self, who: &Principal, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        self.access.require(who, Permission::AuditRead, "audit.read")?;
        self.store.read(move |db| store::audit::list(db, &filter, &page)).await
    }

    /// Verifies the whole audit log (`audit:read`), a page at a time, while others write; and whether `anchor`, a head
    /// noted earlier, and all published heads are still part of it. Takes time by the number of entries.
    pub async fn verify(&self, who: &Principal, anchor: Option<AuditLink>) -> Result<AuditVerdict> {
        self.access.require(who, Permission::AuditRead, "audit.verify")?;
        let heads = self.heads.clone();
        let published = blocking(move || Ok(heads.outside())).await?;
        let chain = self.recorder.chain();
        let remembered = chain.heads().into_iter().map(|head| (head, AuditFault::Cut));
        // The log was linked again when the key was replaced.
        let published = published.into_iter().filter(|head| !chain.key().is_foreign(head));
        let noted = anchor.into_iter().chain(published).map(|head| (head, AuditFault::Anchor));
        verify(&self.store, chain.key(), &remembered.chain(noted).collect::<Vec<_>>()).await
    }

    /// Does what is to be done beside requests, until `self` is dropped: publishes heads, removes old entries.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let (log, deliveries) = (Arc::downgrade(self), self.receivers.run());
        async move {
            tokio::join!(
                deliveries,
                every(HEAD_LOG_INTERVAL, log.clone(), |log: Arc<Self>| async move { log.log_head() }),
                every(HEAD_PUBLISH_INTERVAL, log.clone(), |log: Arc<Self>| async move { log.publish_head().await }),
                every(HEAD_NOTE_INTERVAL, log.clone(), Self::note_new_head),
                every(audit_retention::INTERVAL, log, Self::prune),
            );
        }
    }

    /// Puts the head of the chain into Ostler's own log, which is out of reach of who can only write to the database.
    fn log_head(&self) {
        let Some(head) = self.recorder.chain().newest() else { return };
        let mut logged = self.logged.lock();
        if logged.as_ref() != Some(&head) {
            log::info!(head:%; "the audit log ends here: `ostler audit verify --head` tells whether it still holds this");
            *logged = Some(head);
        }
    }

    async fn publish_head(&self) {
        let Some(head) = self.recorder.chain().newest() else { return };
        self.receivers.offer(&head);
        let heads = self.heads.clone();
        // It does not fail.
        let _ = blocking(move || {
            heads.publish(head);
            Ok(())
        })
        .await;
    }

    async fn note_new_head(self: Arc<Self>) {
        if self.heads.differ(&self.recorder.chain().heads()) {
            self.note_head().await;
        }
    }

    async fn note_head(&self) {
        let (heads, newest) = (self.heads.clone(), self.recorder.chain().heads());
        // It does not fail.
        let _ = blocking(move || {
            heads.note(newest);
            Ok(())
        })
        .await;
    }

    /// Notes and publishes where the log ends, so that the next run, and everyone who verifies, knows.
    pub(crate) async fn publish_end(&self) {
        self.note_head().await;
        self.publish_head().await;
        self.log_head();
        if let Some(head) = self.recorder.chain().newest() {
            self.receivers.offer_last(&head).await;
        }
    }

    /// Each receiver of heads by the name of its kind, and whether it took the last one.
    #[cfg(feature = "metrics")]
    pub(crate) fn receivers(&self) -> Vec<(&'static str, bool)> {
        self.receivers.states()
    }

    async fn prune(self: Arc<Self>) {
        audit_retention::prune(&self.store, &self.recorder, &self.retention).await;
    }
}
