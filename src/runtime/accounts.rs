//! One's own account, and what is kept in memory about all of them.

use crate::{
    error::{Error, Faults, Noun, Result},
    model::{AuditEntry, Outcome, PasswordChange, Principal, Timestamp, User, UserId},
    policy::{account, audit_quota::EntryKind},
    runtime::{Runtime, hashing::Hashing, login::Proof, principals::Principals, throttle::Throttle},
    store::{Connection, keys, sessions, users},
    tasks::run_to_completion,
};

/// What the runtime keeps in memory about accounts: recent principals, login throttles, the hashing permits.
pub(super) struct Accounts {
    pub(super) hashing: Hashing,
    pub(super) principals: Principals,
    pub(super) throttle: Throttle,
}

impl Accounts {
    /// Nothing known yet.
    pub(super) fn new() -> Self {
        Self { hashing: Hashing::new(), principals: Principals::new(), throttle: Throttle::new() }
    }
}

impl Runtime {
    /// The caller's own account.
    pub async fn me(&self, who: &Principal) -> Result<User> {
        self.find_user(who.user_id).await
    }

    /// Changes the caller's own password; ends all their sessions, this one too, and all their keys where that is wanted.
    /// API keys may not do this.
    ///
    /// A wrong current one counts as a failed login.
    pub async fn change_password(&self, who: &Principal, change: PasswordChange) -> Result<()> {
        const ACTION: &str = "auth.password";
        self.inner.access.require_person(who, ACTION)?;
        let user = self.me(who).await?;
        let PasswordChange { current, new, revoke_keys } = change;
        let fault = account::password_fault(&new, &user.email);
        let fault = fault.or((new == current).then_some("must differ from the current password"));
        let mut faults = Faults::default();
        faults.check(fault.is_none(), "/newPassword", fault.unwrap_or_default());
        faults.into_result()?;
        if let Proof::Failed(why) = self.prove(&user.email, &current, who.address).await? {
            let entry = AuditEntry::by(who, ACTION, user.id, Outcome::Failure).with_detail(why);
            self.inner.access.entries().record_or_count(EntryKind::SignIn, Some(user.id), entry).await?;
            return Err(Error::invalid("/currentPassword", "is not the current password"));
        }
        let hash = self.hash(&new).await?;
        let entry = AuditEntry::by(who, ACTION, user.id, Outcome::Success);
        let entry = if revoke_keys { entry.with_detail("with all keys") } else { entry };
        let entry = self.inner.access.entries().admit(EntryKind::SignIn, Some(user.id), entry);
        let replace = move |db: &mut Connection| {
            replace_password(db, &user, hash)?;
            if revoke_keys { keys::delete_of_user(db, user.id) } else { Ok(()) }
        };
        self.change_account(who.user_id, entry, replace).await
    }

    /// The account with this id, whoever asks.
    pub(super) async fn find_user(&self, id: UserId) -> Result<User> {
        self.inner.store.read(move |db| users::find(db, id)).await?.ok_or(Error::NotFound(Noun::User))
    }

    /// The hash of a new password; waits for its turn, or says `Busy`.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        self.inner.accounts.hashing.turn().await?.hash(password.to_owned()).await
    }

    /// Writes a change to what `user` may do; from then on every credential of theirs is looked up anew.
    ///
    /// Goes on to its end when nobody waits for it any more.
    pub(super) async fn change_account<T: Send + 'static>(
        &self,
        user: UserId,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.clone();
        run_to_completion(async move { runtime.change_account_patiently(user, entry, work).await }).await
    }

    /// The same for those who have more to do once it is written; however long that takes.
    pub(super) async fn change_account_patiently<T: Send + 'static>(
        &self,
        user: UserId,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.inner.recorder.write(entry, work).await;
        self.inner.accounts.principals.forget(user);
        self.inner.revocation.rights_changed();
        done
    }
}

fn replace_password(db: &mut Connection, seen: &User, password_hash: String) -> Result<()> {
    let user = users::find(db, seen.id)?.ok_or(Error::NotFound(Noun::User))?;
    if user.password_hash != seen.password_hash {
        return Err(Error::Stale(Noun::User));
    }
    users::update(db, &User { password_hash, updated_at: Timestamp::now(), ..user })?;
    sessions::delete_of_user(db, seen.id)
}
