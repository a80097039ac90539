//! [`Accounts`]: the service that the files beside this one add methods to, each for one noun.

use std::sync::{Arc, Weak};

use crate::{
    access::Access,
    accounts::{Passwords, TokenIssuer, directory::Directory, keys::ApiKeys, observer::AccountObserver},
    recorder::Recorder,
    secrets::Keyring,
    store::Store,
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
};

/// Users, and who a credential belongs to.
pub struct Accounts {
    pub(super) access: Arc<Access>,
    pub(super) store: Store,
    pub(super) recorder: Recorder,
    pub(super) keyring: Arc<Keyring>,
    /// Other issuer of tokens that are accepted.
    pub(super) issuer: Option<TokenIssuer>,
    pub(super) lifecycle: Arc<Lifecycle>,
    /// Threads that ask the issuer for its keys.
    pub(super) arbiters: Arc<Arbiters>,
    pub(super) directory: Arc<Directory>,
    pub(super) passwords: Passwords,
    keys: ApiKeys,
}

impl Accounts {
    /// Accounts in `store`, whose sessions are signed with `keyring`; accepts tokens of `issuer`, too.
    pub(crate) fn new(
        access: Arc<Access>,
        store: Store,
        recorder: Recorder,
        keyring: Arc<Keyring>,
        issuer: Option<TokenIssuer>,
        lifecycle: Arc<Lifecycle>,
        arbiters: Arc<Arbiters>,
    ) -> Self {
        let directory = Arc::new(Directory::new(store.clone(), recorder.clone()));
        let keys = ApiKeys::new(access.clone(), store.clone(), recorder.clone(), directory.clone());
        let passwords = Passwords::new(directory.clone());
        Self { access, store, recorder, keyring, issuer, lifecycle, arbiters, directory, passwords, keys }
    }

    /// The name of the cookie that holds a session's token: browsers keep cookies by host, not by port, so Ostlers with
    /// different secrets have different ones.
    #[must_use]
    pub(crate) fn session_cookie(&self) -> &str {
        &self.keyring.session_cookie
    }

    /// API keys.
    #[must_use]
    pub fn keys(&self) -> &ApiKeys {
        &self.keys
    }

    /// Has `observer` called at every change of accounts from now on, after those that are registered already, until it
    /// is dropped.
    pub(crate) fn observe(&self, observer: Weak<dyn AccountObserver>) {
        self.directory.observers().register(observer);
    }

    /// Looks up every credential again: the database is not as it was.
    pub(crate) fn forget_credentials(&self) {
        self.directory.cache().forget_all();
    }
}
