//! The end of the audit log's chain, remembered, so that it shows where what came last was removed.
//!
//! The newest committed link is looked for before another is added, and `access` writes it to `audit.head` in the data
//! folder; one that is gone stays remembered. Both are anchors of every walk along the chain.

use parking_lot::Mutex;

use crate::{
    error::Result,
    model::AuditLink,
    policy::audit_chain::{ChainKey, is_keyed},
    store::{Connection, audit_adoption, audit_chain},
};

/// The key of the chain, and links that must be in it.
#[derive(Debug)]
pub struct Chain {
    key: ChainKey,
    heads: Mutex<Heads>,
}

#[derive(Clone, Debug, Default)]
struct Heads {
    /// The newest link that was committed, as far as is known.
    newest: Option<AuditLink>,
    /// One that was the newest, and was gone when it was looked for.
    lost: Option<AuditLink>,
}

impl Chain {
    /// A chain that must hold these links, which an earlier run remembered.
    #[must_use]
    pub fn new(key: ChainKey, noted: Vec<AuditLink>) -> Self {
        let mut noted = noted.into_iter();
        let heads = Heads { newest: noted.next(), lost: noted.next() };
        Self { key, heads: Mutex::new(heads) }
    }

    /// The key that links are made with.
    #[must_use]
    pub fn key(&self) -> &ChainKey {
        &self.key
    }

    /// Links that must be in the chain: the newest, and one that was gone where that happened.
    #[must_use]
    pub fn heads(&self) -> Vec<AuditLink> {
        let Heads { newest, lost } = self.heads.lock().clone();
        newest.into_iter().chain(lost).collect()
    }

    /// The newest link that was committed, as far as is known.
    pub(crate) fn newest(&self) -> Option<AuditLink> {
        self.heads.lock().newest.clone()
    }

    /// Begins the chain with a key where it never had one, and looks for what an earlier run remembered.
    pub(super) fn open(&self, db: &mut Connection) -> Result<()> {
        let remembered = self.heads.lock().newest.as_ref().is_some_and(is_keyed);
        if !remembered && audit_adoption::begin(db, &self.key)? {
            log::info!("the audit log is linked with the secret key from now on");
        }
        self.check(db)?;
        self.note(db);
        if self.heads.lock().newest.as_ref().is_some_and(|newest| self.key.is_foreign(newest)) {
            log::error!(
                "the audit log was linked with another secret key, and does not verify with this one: give \
                 OSTLER_SECRET_KEY or secret.key the value that it had"
            );
        }
        Ok(())
    }

    /// Looks for the newest link before another is added: one that follows a link of others would hide that it is gone.
    pub(super) fn check(&self, db: &mut Connection) -> Result<()> {
        let Some(newest) = self.newest() else { return Ok(()) };
        if audit_chain::contains(db, &newest)? {
            return Ok(());
        }
        let head = audit_chain::head(db)?;
        log::error!(
            missing:% = newest, head:%;
            "entries are missing at the end of the audit log: they were removed, or the database is an older copy or another"
        );
        let mut heads = self.heads.lock();
        heads.newest = None;
        heads.lost.get_or_insert(newest);
        Ok(())
    }

    /// Remembers the newest link, after a commit.
    pub(super) fn note(&self, db: &mut Connection) {
        // One that cannot be read is no loss: the one before it does as well.
        if let Ok(head) = audit_chain::head(db) {
            self.heads.lock().newest = Some(head);
        }
    }
}
