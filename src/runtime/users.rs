//! Other people's accounts (`users:manage`).
//!
//! Whoever could make an admin would be one, so that takes every permission an admin has, not `users:manage` alone:
//! an API key narrowed to the latter manages all accounts but those of admins.

use crate::{
    error::{Error, Faults, Noun, Result},
    model::{NewUser, Page, PageRequest, Permission, Principal, Role, Timestamp, User, UserChange, UserId},
    policy::{
        account, name,
        permission::{covers, of_role},
    },
    runtime::Runtime,
    store::{Connection, keys, servers, sessions, users},
    tasks::run_to_completion,
};

/// Checked changes, ready to be written.
struct Changes {
    email: Option<String>,
    name: Option<String>,
    password_hash: Option<String>,
    role: Option<Role>,
    disabled: Option<bool>,
    admins_too: bool,
}

impl Runtime {
    /// Every account (`users:manage`, as all below).
    pub async fn users(&self, who: &Principal, page: PageRequest) -> Result<Page<User>> {
        self.inner.access.require(who, Permission::UsersManage, "user.list")?;
        self.inner.store.read(move |db| users::list(db, &page)).await
    }

    /// One account.
    pub async fn user(&self, who: &Principal, id: UserId) -> Result<User> {
        self.inner.access.require(who, Permission::UsersManage, "user.read")?;
        self.find_user(id).await
    }

    /// Makes an account; `Conflict` where its address is taken.
    pub async fn create_user(&self, who: &Principal, new: NewUser) -> Result<User> {
        const ACTION: &str = "user.create";
        self.inner.access.require(who, Permission::UsersManage, ACTION)?;
        let (email, name) = checked(&new)?;
        self.denied(who, ACTION, &email, about_admins(may_touch_admins(who), &[new.role]))?;
        let user = user(email, name, new.role, self.hash(&new.password).await?);
        let entry = self.inner.access.change(who, ACTION, user.id)?.with_detail(user.email.clone());
        let made = user.clone();
        self.inner.recorder.commit(Some(entry), move |db| users::insert(db, &made)).await?;
        Ok(user)
    }

    /// Changes an account. The last enabled admin can neither be disabled nor lose the role (`Conflict`).
    ///
    /// A new password, and disabling, end every session of the account; a new password ends its keys, too, and disabling
    /// suspends them. A key may not change its owner's password.
    pub async fn update_user(&self, who: &Principal, id: UserId, change: UserChange) -> Result<User> {
        const ACTION: &str = "user.update";
        self.inner.access.require(who, Permission::UsersManage, ACTION)?;
        if who.user_id == id && change.password.is_some() {
            self.inner.access.require_person(who, ACTION)?;
        }
        let entry = self.inner.access.change(who, ACTION, id)?.with_detail(fields(&change));
        let disables = change.disabled == Some(true);
        let changes = self.changes(who, id, change).await?;
        let done = self.change_account(id, Some(entry), move |db| update(db, id, changes)).await;
        if disables && done.is_ok() {
            self.close_account(id);
        } else if done.as_ref().is_ok_and(|user| !of_role(user.role).has(Permission::McpExecute)) {
            self.end_leases_of_user(id, None);
        }
        self.denied(who, ACTION, &id.to_string(), done)
    }

    /// Removes an account, ending and removing its servers. Not the last enabled admin (`Conflict`).
    ///
    /// Its calls and its lines in the audit log stay. Goes on to its end when nobody waits for it any more.
    pub async fn delete_user(&self, who: &Principal, id: UserId) -> Result<()> {
        const ACTION: &str = "user.delete";
        self.inner.access.require(who, Permission::UsersManage, ACTION)?;
        let admins_too = may_touch_admins(who);
        let entry = self.inner.access.change(who, ACTION, id)?;
        let runtime = self.clone();
        let work = async move {
            let _change = runtime.inner.lifecycle.begin_change().await;
            let orphans =
                runtime.change_account_patiently(id, Some(entry), move |db| delete(db, id, admins_too)).await?;
            runtime.forget_servers_of(id, orphans);
            Ok(())
        };
        self.denied(who, ACTION, &id.to_string(), run_to_completion(work).await)
    }

    async fn changes(&self, who: &Principal, id: UserId, change: UserChange) -> Result<Changes> {
        let before = self.find_user(id).await?;
        let mut faults = Faults::default();
        let email = change.email.as_deref().and_then(|text| noted(&mut faults, "/email", account::email(text)));
        let name = change.name.as_deref().and_then(|text| noted(&mut faults, "/name", name::kept(text)));
        if let Some(password) = &change.password {
            note_password(&mut faults, password, email.as_ref().unwrap_or(&before.email));
        }
        faults.into_result()?;
        let password_hash = match &change.password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let UserChange { role, disabled, .. } = change;
        Ok(Changes { email, name, password_hash, role, disabled, admins_too: may_touch_admins(who) })
    }

    /// Passes `done` on, noting in the audit log where it was not allowed.
    pub(super) fn denied<T>(&self, who: &Principal, action: &str, target: &str, done: Result<T>) -> Result<T> {
        if matches!(done, Err(Error::Forbidden(_))) {
            self.inner.access.entries().record_denial(who, action, target);
        }
        done
    }
}

/// A new account, enabled.
pub(super) fn user(email: String, name: String, role: Role, password_hash: String) -> User {
    let now = Timestamp::now();
    User { id: UserId::new(), email, name, role, disabled: false, password_hash, created_at: now, updated_at: now }
}

fn checked(new: &NewUser) -> Result<(String, String)> {
    let mut faults = Faults::default();
    let email = noted(&mut faults, "/email", account::email(&new.email)).unwrap_or_default();
    let name = noted(&mut faults, "/name", name::kept(&new.name)).unwrap_or_default();
    note_password(&mut faults, &new.password, &email);
    faults.into_result().map(|()| (email, name))
}

fn noted(faults: &mut Faults, pointer: &str, checked: Result<String, &'static str>) -> Option<String> {
    checked.map_err(|fault| faults.check(false, pointer, fault)).ok()
}

fn note_password(faults: &mut Faults, password: &str, email: &str) {
    let fault = account::password_fault(password, email);
    faults.check(fault.is_none(), "/password", fault.unwrap_or_default());
}

pub(super) fn may_touch_admins(who: &Principal) -> bool {
    covers(&who.permissions, &of_role(Role::Admin))
}

pub(super) fn about_admins(admins_too: bool, roles: &[Role]) -> Result<()> {
    if admins_too || !roles.contains(&Role::Admin) {
        return Ok(());
    }
    Err(Error::Forbidden("changing an admin needs every permission that an admin has".into()))
}

fn update(db: &mut Connection, id: UserId, changes: Changes) -> Result<User> {
    let before = users::find(db, id)?.ok_or(Error::NotFound(Noun::User))?;
    let role = changes.role.unwrap_or(before.role);
    about_admins(changes.admins_too, &[before.role, role])?;
    let disabled = changes.disabled.unwrap_or(before.disabled);
    if role != Role::Admin || disabled {
        keep_an_admin(db, &before)?;
    }
    if disabled || changes.password_hash.is_some() {
        sessions::delete_of_user(db, id)?;
    }
    if changes.password_hash.is_some() {
        keys::delete_of_user(db, id)?;
    }
    let after = User {
        email: changes.email.unwrap_or(before.email),
        name: changes.name.unwrap_or(before.name),
        password_hash: changes.password_hash.unwrap_or(before.password_hash),
        role,
        disabled,
        updated_at: Timestamp::now(),
        ..before
    };
    users::update(db, &after)?;
    Ok(after)
}

fn delete(db: &mut Connection, id: UserId, admins_too: bool) -> Result<Vec<crate::model::ServerId>> {
    let user = users::find(db, id)?.ok_or(Error::NotFound(Noun::User))?;
    about_admins(admins_too, &[user.role])?;
    keep_an_admin(db, &user)?;
    let servers = servers::soft_delete_of_user(db, id, Timestamp::now())?;
    users::delete(db, id)?;
    Ok(servers)
}

/// `Conflict` where nobody could manage accounts without `user`.
fn keep_an_admin(db: &mut Connection, user: &User) -> Result<()> {
    if user.role == Role::Admin && !user.disabled && users::count_admins(db)? <= 1 {
        return Err(Error::Conflict("the last enabled admin must stay one; make another first".into()));
    }
    Ok(())
}

fn fields(change: &UserChange) -> String {
    let UserChange { email, name, password, role, disabled } = change;
    let changed = [
        ("email", email.is_some()),
        ("name", name.is_some()),
        ("password", password.is_some()),
        ("role", role.is_some()),
        ("disabled", disabled.is_some()),
    ];
    let names: Vec<_> = changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect();
    format!("changed: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_new_account_is_told_at_once() {
        let new = NewUser { email: "nobody".into(), name: " ".into(), password: "short".into(), role: Role::Viewer };
        let Err(Error::Invalid(faults)) = checked(&new) else { panic!("accepted") };
        assert_eq!(faults.0.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), ["/email", "/name", "/password"]);
    }

    #[test]
    fn the_audit_log_names_what_changed_and_no_value() {
        let change =
            UserChange { password: Some("a new password".into()), disabled: Some(true), ..UserChange::default() };
        assert_eq!(fields(&change), "changed: password, disabled");
    }

    #[test]
    fn a_key_that_only_manages_accounts_makes_no_admin() {
        assert!(about_admins(false, &[Role::Developer, Role::Executor, Role::Viewer]).is_ok());
        assert!(about_admins(false, &[Role::Viewer, Role::Admin]).is_err());
        assert!(about_admins(true, &[Role::Admin]).is_ok());
    }
}
