//! [`Directory`]: accounts in the database, and the one way to change their rights.

use std::{collections::HashSet, sync::Arc};

use crate::{
    accounts::{credential_cache::CredentialCache, observer::Observers},
    error::{Error, Noun, Result},
    model::{AuditEntry, Credential, User, UserId},
    recorder::Recorder,
    store::{Connection, Store, keys, sessions, users},
};

/// Accounts in the database, credentials seen a moment ago, and the observers of changes.
pub(super) struct Directory {
    store: Store,
    recorder: Recorder,
    cache: CredentialCache,
    observers: Observers,
}

impl Directory {
    /// Accounts in `store`, changed through `recorder`.
    pub(super) fn new(store: Store, recorder: Recorder) -> Self {
        Self { store, recorder, cache: CredentialCache::new(), observers: Observers::default() }
    }

    /// Credentials seen a moment ago.
    pub(super) fn cache(&self) -> &CredentialCache {
        &self.cache
    }

    /// Observers of changes.
    pub(super) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// The account with this id, without a check of permissions.
    pub(super) async fn find(&self, id: UserId) -> Result<User> {
        self.store.read(move |db| users::find(db, id)).await?.ok_or(Error::NotFound(Noun::User))
    }

    /// The account with this address.
    pub(super) async fn find_by_email(&self, email: String) -> Result<Option<User>> {
        self.store.read(move |db| users::find_by_email(db, &email)).await
    }

    /// Adds an account, which has no rights that could be open yet; `Conflict` where its address is taken.
    pub(super) async fn insert(&self, user: User, entry: AuditEntry) -> Result<()> {
        self.recorder.commit(Some(entry), move |db| users::insert(db, &user)).await
    }

    /// Adds an account without a password, which is an empty hash; returns that of its address where another caller was
    /// faster, `None` where that is gone again.
    pub(super) async fn insert_or_find(&self, user: User, entry: AuditEntry) -> Result<Option<User>> {
        match self.insert(user.clone(), entry).await {
            Err(Error::Conflict(_)) => self.find_by_email(user.email).await,
            inserted => inserted.map(|()| Some(user)),
        }
    }

    /// Commits a change of the rights or credentials of `user`; from then on every credential of theirs is looked up
    /// again, and observers know which of them ended.
    ///
    /// Runs to completion, with its observers called, even where its caller goes away.
    pub(super) async fn change_rights<T: Send + 'static>(
        self: &Arc<Self>,
        user: UserId,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = Arc::clone(self);
        self.recorder.run_to_completion(async move { directory.write_rights(user, entry, work).await }).await
    }

    /// Commits such a change for callers who run to completion themselves, as they have more to do afterwards.
    pub(super) async fn write_rights<T: Send + 'static>(
        &self,
        user: UserId,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Compared, not reported by `work`: keys end with the key that made them, and sessions with a password.
        let compared = move |db: &mut Connection| {
            let mut ended = credentials_of(db, user)?;
            let done = work(db)?;
            for left in credentials_of(db, user)? {
                ended.remove(&left);
            }
            Ok((done, ended))
        };
        let result = self.recorder.write(entry, compared).await;
        // Also after a failure: a commit whose answer was lost may have been made.
        self.cache.forget(user);
        self.observers.notify(|observer| observer.account_changed(user));
        let (done, ended) = result?;
        for credential in ended {
            self.observers.notify(|observer| observer.credential_ended(credential));
        }
        Ok(done)
    }
}

/// The sessions and keys of an account.
fn credentials_of(db: &mut Connection, user: UserId) -> Result<HashSet<Credential>> {
    let sessions = sessions::ids_of_user(db, user)?.into_iter().map(Credential::Session);
    let keys = keys::ids_of_user(db, user)?.into_iter().map(Credential::Key);
    Ok(sessions.chain(keys).collect())
}
