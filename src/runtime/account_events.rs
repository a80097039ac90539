//! [`AccountEvents`]: ends processes of accounts and credentials that end, and forgets servers of deleted accounts.

use std::sync::{Arc, OnceLock, Weak};

use crate::{
    accounts::AccountObserver,
    model::{Credential, ServerId, UserId},
    runtime::{Inner, Runtime},
};

/// The runtime as an observer of its accounts.
#[derive(Default)]
pub(super) struct AccountEvents(OnceLock<Weak<Inner>>);

impl Runtime {
    /// Registers the observers of accounts that live as long as the runtime.
    pub(super) fn observe_accounts(&self) {
        let inner = &self.inner;
        // Set once, as each runtime does this once.
        let _ = inner.account_events.0.set(Arc::downgrade(inner));
        let revocation = Arc::downgrade(&inner.revocation);
        inner.accounts.observe(revocation);
        let events = Arc::downgrade(&inner.account_events);
        inner.accounts.observe(events);
    }
}

impl AccountEvents {
    fn with_runtime(&self, act: impl FnOnce(Runtime)) {
        if let Some(inner) = self.0.get().and_then(Weak::upgrade) {
            act(Runtime { inner });
        }
    }
}

impl AccountObserver for AccountEvents {
    fn execution_lost(&self, user: UserId) {
        self.with_runtime(|runtime| runtime.inner.placement.end_isolated_of_user(user, None));
    }

    fn account_deleted(&self, user: UserId, servers: &[ServerId]) {
        self.with_runtime(|runtime| runtime.forget_servers_of(user, servers));
    }

    fn account_closed(&self, user: UserId) {
        self.with_runtime(|runtime| runtime.inner.placement.end_isolated_of_user(user, None));
    }

    fn credential_ended(&self, credential: Credential) {
        // Clients without a session of their own have their credential's id as one.
        match credential {
            Credential::Session(id) => self.with_runtime(|runtime| runtime.inner.placement.end_session(id.uuid())),
            Credential::Key(id) => self.with_runtime(|runtime| runtime.inner.placement.end_session(id.uuid())),
            Credential::Token(_) | Credential::Embedder => {}
        }
    }
}
