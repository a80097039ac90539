//! A caller's own account.

use crate::{
    accounts::{Accounts, passwords::PasswordCheck},
    error::{Error, Faults, Noun, Result},
    model::{AuditEntry, Outcome, PasswordChange, Principal, Timestamp, User},
    policy::{account, audit_quota::EntryKind},
    store::{Connection, keys, sessions, users},
};

impl Accounts {
    /// The caller's own account.
    pub async fn me(&self, who: &Principal) -> Result<User> {
        self.directory.find(who.user_id).await
    }

    /// Changes the caller's own password; ends all their sessions, this one too, and all their keys where that is
    /// wanted. API keys may not do this.
    ///
    /// A wrong current one counts as a failed login.
    pub async fn change_password(&self, who: &Principal, change: PasswordChange) -> Result<()> {
        const ACTION: &str = "auth.password";
        self.access.require_person(who, ACTION)?;
        let user = self.me(who).await?;
        let PasswordChange { current, new, revoke_keys } = change;
        let fault = account::password_fault(&new, &user.email);
        let fault = fault.or((new == current).then_some("must differ from the current password"));
        let mut faults = Faults::default();
        faults.check(fault.is_none(), "/newPassword", fault.unwrap_or_default());
        faults.into_result()?;
        if let PasswordCheck::Failed(why) = self.passwords.check(&user.email, &current, who.address).await? {
            let entry = AuditEntry::by(who, ACTION, user.id, Outcome::Failure).with_detail(why);
            self.access.entries().record_or_count(EntryKind::SignIn, Some(user.id), entry).await?;
            return Err(Error::invalid("/currentPassword", "is not the current password"));
        }
        let hash = self.passwords.hash(&new).await?;
        let entry = AuditEntry::by(who, ACTION, user.id, Outcome::Success);
        let entry = if revoke_keys { entry.with_detail("with all keys") } else { entry };
        let entry = self.access.entries().admit(EntryKind::SignIn, Some(user.id), entry);
        let replace = move |db: &mut Connection| {
            replace_password(db, &user, hash)?;
            if revoke_keys { keys::delete_of_user(db, user.id) } else { Ok(()) }
        };
        self.directory.change_rights(who.user_id, entry, replace).await
    }
}

/// Replaces the password of an account that is as `seen`, and ends its sessions.
fn replace_password(db: &mut Connection, seen: &User, password_hash: String) -> Result<()> {
    let user = users::find(db, seen.id)?.ok_or(Error::NotFound(Noun::User))?;
    if user.password_hash != seen.password_hash {
        return Err(Error::Stale(Noun::User));
    }
    users::update(db, &User { password_hash, updated_at: Timestamp::now(), ..user })?;
    sessions::delete_of_user(db, seen.id)
}
