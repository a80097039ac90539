//! Accounts of others (`users:manage`).

use crate::{
    accounts::{
        Accounts,
        admin_rights::{may_change_admins, record_if_forbidden, require_for_roles},
    },
    error::{Error, Faults, Noun, Result},
    model::{NewUser, Page, PageRequest, Permission, Principal, Role, ServerId, Timestamp, User, UserChange, UserId},
    policy::{account, name, permission::of_role},
    store::{Connection, keys, mcp_sessions, servers, sessions, users},
};

/// A change of an account that was checked, ready to be written.
struct CheckedChange {
    email: Option<String>,
    name: Option<String>,
    password_hash: Option<String>,
    role: Option<Role>,
    disabled: Option<bool>,
    may_change_admins: bool,
}

impl Accounts {
    /// Every account (`users:manage`, as for all below).
    pub async fn list(&self, who: &Principal, page: PageRequest) -> Result<Page<User>> {
        self.access.require(who, Permission::UsersManage, "user.list")?;
        self.store.read(move |db| users::list(db, &page)).await
    }

    /// One account.
    pub async fn get(&self, who: &Principal, id: UserId) -> Result<User> {
        self.access.require(who, Permission::UsersManage, "user.read")?;
        self.directory.find(id).await
    }

    /// Makes an account; `Conflict` where its address is taken.
    pub async fn create(&self, who: &Principal, new: NewUser) -> Result<User> {
        const ACTION: &str = "user.create";
        self.access.require(who, Permission::UsersManage, ACTION)?;
        let (email, name) = checked(&new)?;
        let permitted = require_for_roles(may_change_admins(who), &[new.role]);
        record_if_forbidden(&self.access, who, ACTION, &email, permitted)?;
        let user = User::new(email, name, new.role, self.passwords.hash(&new.password).await?);
        let entry = self.access.change(who, ACTION, user.id)?.with_detail(user.email.clone());
        self.directory.insert(user.clone(), entry).await?;
        Ok(user)
    }

    /// The account with this address.
    pub async fn find(&self, who: &Principal, email: &str) -> Result<Option<User>> {
        self.access.require(who, Permission::UsersManage, "user.read")?;
        let email = account::email(email).map_err(|fault| Error::invalid("/email", fault))?;
        self.directory.find_by_email(email).await
    }

    /// The account with this address, made without a password where there is none: for programs that know their users
    /// by other means, and act [on their behalf](Accounts::on_behalf_of). One that is there stays as it is.
    pub async fn ensure(&self, who: &Principal, email: &str, name: &str, role: Role) -> Result<User> {
        const ACTION: &str = "user.create";
        if let Some(user) = self.find(who, email).await? {
            return Ok(user);
        }
        let mut faults = Faults::default();
        let email = noted(&mut faults, "/email", account::email(email)).unwrap_or_default();
        let name = noted(&mut faults, "/name", name::validated(name)).unwrap_or_default();
        faults.into_result()?;
        let permitted = require_for_roles(may_change_admins(who), &[role]);
        record_if_forbidden(&self.access, who, ACTION, &email, permitted)?;
        let user = User::new(email, name, role, String::new());
        let entry = self.access.change(who, ACTION, user.id)?.with_detail(user.email.clone());
        self.directory.insert_or_find(user, entry).await?.ok_or(Error::NotFound(Noun::User))
    }

    /// Changes an account. The last enabled admin can neither be disabled nor lose the role (`Conflict`).
    ///
    /// A new password, and disabling, end every session of the account; a new password ends its keys, too, and
    /// disabling suspends them. A key may not change its owner's password.
    pub async fn update(&self, who: &Principal, id: UserId, change: UserChange) -> Result<User> {
        const ACTION: &str = "user.update";
        self.access.require(who, Permission::UsersManage, ACTION)?;
        if who.user_id == id && change.password.is_some() {
            self.access.require_person(who, ACTION)?;
        }
        let entry = self.access.change(who, ACTION, id)?.with_detail(fields(&change));
        let disables = change.disabled == Some(true);
        let checked = self.check_change(who, id, change).await?;
        let directory = self.directory.clone();
        let work = async move {
            let user = directory.write_rights(id, Some(entry), move |db| update(db, id, checked)).await?;
            if disables {
                directory.observers().notify(|observer| observer.account_closed(id));
            } else if !of_role(user.role).has(Permission::McpExecute) {
                directory.observers().notify(|observer| observer.execution_lost(id));
            }
            Ok(user)
        };
        record_if_forbidden(&self.access, who, ACTION, &id.to_string(), self.recorder.run_to_completion(work).await)
    }

    /// Removes an account, ending and removing its servers. Not the last enabled admin (`Conflict`).
    ///
    /// Its calls and its lines in the audit log stay. Runs to completion even where its caller goes away.
    pub async fn delete(&self, who: &Principal, id: UserId) -> Result<()> {
        const ACTION: &str = "user.delete";
        self.access.require(who, Permission::UsersManage, ACTION)?;
        let may_change_admins = may_change_admins(who);
        let entry = self.access.change(who, ACTION, id)?;
        let (directory, lifecycle) = (self.directory.clone(), self.lifecycle.clone());
        let work = async move {
            let _change = lifecycle.begin_change().await;
            let servers = directory.write_rights(id, Some(entry), move |db| delete(db, id, may_change_admins)).await?;
            directory.observers().notify(|observer| observer.account_deleted(id, &servers));
            directory.observers().notify(|observer| observer.account_closed(id));
            Ok(())
        };
        record_if_forbidden(&self.access, who, ACTION, &id.to_string(), self.recorder.run_to_completion(work).await)
    }

    async fn check_change(&self, who: &Principal, id: UserId, change: UserChange) -> Result<CheckedChange> {
        let before = self.directory.find(id).await?;
        let mut faults = Faults::default();
        let email = change.email.as_deref().and_then(|text| noted(&mut faults, "/email", account::email(text)));
        let name = change.name.as_deref().and_then(|text| noted(&mut faults, "/name", name::validated(text)));
        if let Some(password) = &change.password {
            note_password(&mut faults, password, email.as_ref().unwrap_or(&before.email));
        }
        faults.into_result()?;
        let password_hash = match &change.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let UserChange { role, disabled, .. } = change;
        let may_change_admins = may_change_admins(who);
        Ok(CheckedChange { email, name, password_hash, role, disabled, may_change_admins })
    }
}

fn checked(new: &NewUser) -> Result<(String, String)> {
    let mut faults = Faults::default();
    let email = noted(&mut faults, "/email", account::email(&new.email)).unwrap_or_default();
    let name = noted(&mut faults, "/name", name::validated(&new.name)).unwrap_or_default();
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

fn update(db: &mut Connection, id: UserId, change: CheckedChange) -> Result<User> {
    let before = users::find(db, id)?.ok_or(Error::NotFound(Noun::User))?;
    let role = change.role.unwrap_or(before.role);
    require_for_roles(change.may_change_admins, &[before.role, role])?;
    let disabled = change.disabled.unwrap_or(before.disabled);
    if role != Role::Admin || disabled {
        require_another_admin(db, &before)?;
    }
    if disabled || change.password_hash.is_some() {
        sessions::delete_of_user(db, id)?;
    }
    if disabled {
        mcp_sessions::delete_of_user(db, id)?;
    }
    if change.password_hash.is_some() {
        keys::delete_of_user(db, id)?;
    }
    let after = User {
        email: change.email.unwrap_or(before.email),
        name: change.name.unwrap_or(before.name),
        password_hash: change.password_hash.unwrap_or(before.password_hash),
        role,
        disabled,
        updated_at: Timestamp::now(),
        ..before
    };
    users::update(db, &after)?;
    Ok(after)
}

fn delete(db: &mut Connection, id: UserId, may_change_admins: bool) -> Result<Vec<ServerId>> {
    let user = users::find(db, id)?.ok_or(Error::NotFound(Noun::User))?;
    require_for_roles(may_change_admins, &[user.role])?;
    require_another_admin(db, &user)?;
    let servers = servers::soft_delete_of_user(db, id, Timestamp::now())?;
    users::delete(db, id)?;
    Ok(servers)
}

/// `Conflict` where `user` is the last enabled admin: accounts could not be managed any more.
fn require_another_admin(db: &mut Connection, user: &User) -> Result<()> {
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
    fn every_fault_of_a_new_account_is_reported_at_once() {
        let new = NewUser { email: "ann".into(), name: " ".into(), password: "short".into(), role: Role::Viewer };
        let Err(Error::Invalid(faults)) = checked(&new) else { panic!("accepted") };
        assert_eq!(faults.0.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), ["/email", "/name", "/password"]);
    }

    #[test]
    fn the_audit_log_names_what_changed_and_no_value() {
        let change =
            UserChange { password: Some("a new password".into()), disabled: Some(true), ..UserChange::default() };
        assert_eq!(fields(&change), "changed: password, disabled");
    }
}
