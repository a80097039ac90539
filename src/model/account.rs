//! Accounts, logins and keys as the store keeps them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{KeyId, PermissionSet, Role, SessionId, Timestamp, UserId};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// Lower-case address; unique.
    pub email: String,
    /// What to call them.
    pub name: String,
    /// What they may do.
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

/// What it takes to make an account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Address; stored in lower case.
    pub email: String,
    /// What to call them.
    pub name: String,
    /// In clear; hashed before it is stored.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// A change to an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// New address.
    pub email: Option<String>,
    /// New name.
    pub name: Option<String>,
    /// New password, in clear; ends every session of the account.
    pub password: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Disabling ends every session of the account.
    pub disabled: Option<bool>,
}

/// A login that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The `jti` of the token.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// Whose.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What its owner calls it.
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
}
