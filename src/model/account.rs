//! Accounts, logins and keys as the store keeps them.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{KeyId, PermissionSet, Role, SessionId, Timestamp, UserId, hidden::Hidden};

/// An account.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// Lower-case address; unique.
    pub email: String,
    /// Display name.
    pub name: String,
    /// Role, which decides the account's permissions.
    pub role: Role,
    /// A disabled account cannot log in, and its tokens and keys have ended.
    pub disabled: bool,
    /// The argon2id hash in PHC form; never sent.
    #[serde(skip)]
    pub password_hash: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl User {
    /// A new account, enabled.
    #[must_use]
    pub fn new(email: String, name: String, role: Role, password_hash: String) -> Self {
        let now = Timestamp::now();
        Self { id: UserId::new(), email, name, role, disabled: false, password_hash, created_at: now, updated_at: now }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { id, email, name, role, disabled, password_hash: _, created_at, updated_at } = self;
        f.debug_struct("User")
            .field("id", id)
            .field("email", email)
            .field("name", name)
            .field("role", role)
            .field("disabled", disabled)
            .field("password_hash", &Hidden)
            .field("created_at", created_at)
            .field("updated_at", updated_at)
            .finish()
    }
}

/// The fields of an account to create.
#[derive(Clone)]
pub struct NewUser {
    /// Address; stored in lower case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// In clear; hashed before it is stored.
    pub password: String,
    /// Role, which decides the account's permissions.
    pub role: Role,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { email, name, password: _, role } = self;
        f.debug_struct("NewUser")
            .field("email", email)
            .field("name", name)
            .field("password", &Hidden)
            .field("role", role)
            .finish()
    }
}

/// A change to an account; what is `None` stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// New address.
    pub email: Option<String>,
    /// New name.
    pub name: Option<String>,
    /// New password, in clear; ends every session and every key of the account.
    pub password: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Disabling ends every session of the account.
    pub disabled: Option<bool>,
}

impl fmt::Debug for UserChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { email, name, password, role, disabled } = self;
        f.debug_struct("UserChange")
            .field("email", email)
            .field("name", name)
            .field("password", &password.as_ref().map(|_| Hidden))
            .field("role", role)
            .field("disabled", disabled)
            .finish()
    }
}

/// A change of one's own password. `Debug` shows neither.
#[derive(Clone)]
pub struct PasswordChange {
    /// The password so far, in clear.
    pub current: String,
    /// The password from now on, in clear.
    pub new: String,
    /// True to revoke every API key of the account, too.
    pub revoke_keys: bool,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { current: _, new: _, revoke_keys } = self;
        f.debug_struct("PasswordChange")
            .field("current", &Hidden)
            .field("new", &Hidden)
            .field("revoke_keys", revoke_keys)
            .finish()
    }
}

/// A login that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The `jti` of the token.
    pub id: SessionId,
    /// The account it belongs to.
    pub user_id: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A session of an MCP client that has not ended, as it is kept between two processes of Ostler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// Its id.
    pub id: Uuid,
    /// The account it belongs to.
    pub user_id: UserId,
    /// Its state, as JSON of the endpoint's.
    pub state: String,
}

/// Prefix of every API key, so that scanners for leaked secrets recognise one.
pub const KEY_PREFIX: &str = "ostler_";

/// The fields of an API key to make.
#[derive(Clone, Debug, Default)]
pub struct KeySpec {
    /// Its name; none of its owner's other keys may have it.
    pub name: String,
    /// Upper bound of its permissions; `None` means all that its maker has.
    pub permissions: Option<PermissionSet>,
    /// When it ends; `None` means never.
    pub expires_at: Option<Timestamp>,
}

impl KeySpec {
    /// A key that may do as much as its maker, and does not end.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// An API key without its secret.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// The account it belongs to.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Name that its owner gave it.
    pub name: String,
    /// The first characters, to recognise it by.
    pub prefix: String,
    /// SHA-256 of the key, in hex; never sent.
    #[serde(skip)]
    pub hash: String,
    /// The key's own permissions; `null` means all of its owner's.
    pub permissions: Option<PermissionSet>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends, if ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// The key it was made with, if with one: it ends with that.
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<KeyId>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { id, user_id, name, prefix, hash: _, permissions, created_at, expires_at, last_used_at, parent_id } =
            self;
        f.debug_struct("ApiKey")
            .field("id", id)
            .field("user_id", user_id)
            .field("name", name)
            .field("prefix", prefix)
            .field("hash", &Hidden)
            .field("permissions", permissions)
            .field("created_at", created_at)
            .field("expires_at", expires_at)
            .field("last_used_at", last_used_at)
            .field("parent_id", parent_id)
            .finish()
    }
}
