//! Accounts and API keys.

use crate::{
    error::Result,
    model::{ApiKey, KeyId, NewUser, Page, PageRequest, PermissionSet, Principal, Timestamp, User, UserChange, UserId},
    runtime::Runtime,
};

/// What the runtime keeps in memory about accounts: recent principals, login throttles, the hashing permits.
pub(super) struct Accounts {}

/// A key just made: the only time its secret is shown.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key as it will be listed.
    pub key: ApiKey,
    /// The whole key, to send as a bearer token.
    pub secret: String,
}

impl Runtime {
    /// Makes the first admin where no account exists; returns the password if one had to be made up.
    pub(super) async fn ensure_admin(&self) -> Result<Option<String>> {
        unimplemented!()
    }
    /// The caller's own account.
    pub async fn me(&self, _who: &Principal) -> Result<User> {
        unimplemented!()
    }
    /// Changes the caller's own password; ends all their sessions, this one too.
    pub async fn change_password(&self, _who: &Principal, _current: &str, _new: &str) -> Result<()> {
        unimplemented!()
    }
    /// The caller's keys.
    pub async fn keys(&self, _who: &Principal, _page: PageRequest) -> Result<Page<ApiKey>> {
        unimplemented!()
    }
    /// Makes a key with at most the caller's own permissions.
    pub async fn create_key(
        &self,
        _who: &Principal,
        _name: &str,
        _permissions: Option<PermissionSet>,
        _expires_at: Option<Timestamp>,
    ) -> Result<NewKey> {
        unimplemented!()
    }
    /// Removes a key of the caller's.
    pub async fn delete_key(&self, _who: &Principal, _id: KeyId) -> Result<()> {
        unimplemented!()
    }
    /// Every account (`users:manage`, as all below).
    pub async fn users(&self, _who: &Principal, _page: PageRequest) -> Result<Page<User>> {
        unimplemented!()
    }
    /// One account.
    pub async fn user(&self, _who: &Principal, _id: UserId) -> Result<User> {
        unimplemented!()
    }
    /// Makes an account.
    pub async fn create_user(&self, _who: &Principal, _new: NewUser) -> Result<User> {
        unimplemented!()
    }
    /// Changes an account. The last enabled admin can neither be disabled nor lose the role (`Conflict`).
    pub async fn update_user(&self, _who: &Principal, _id: UserId, _change: UserChange) -> Result<User> {
        unimplemented!()
    }
    /// Removes an account, ending and removing its servers.
    pub async fn delete_user(&self, _who: &Principal, _id: UserId) -> Result<()> {
        unimplemented!()
    }
}
