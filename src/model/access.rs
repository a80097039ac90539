//! Callers, the credentials they were authenticated with, and their permissions.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{KeyId, SessionId, Timestamp, UserId};

/// The role of an account: a fixed set of permissions, listed in [`crate::policy::permission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Own servers, and calls to them.
    Developer,
    /// Calls only.
    Executor,
    /// Looks only.
    Viewer,
}

impl Role {
    /// All of them, with their names, the greatest first.
    pub const ALL: [(&str, Self); 4] = [
        ("admin", Self::Admin),
        ("developer", Self::Developer),
        ("executor", Self::Executor),
        ("viewer", Self::Viewer),
    ];
}

/// One right, as written in API keys, shares and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub enum Permission {
    /// See one's own servers and those shared with one.
    #[serde(rename = "mcp:read")]
    McpRead,
    /// Change them.
    #[serde(rename = "mcp:write")]
    McpWrite,
    /// Call their tools.
    #[serde(rename = "mcp:execute")]
    McpExecute,
    /// All three on everybody's servers, and the admin routes.
    #[serde(rename = "mcp:manage")]
    McpManage,
    /// See gateway services.
    #[serde(rename = "gateway:read")]
    GatewayRead,
    /// Change gateway services.
    #[serde(rename = "gateway:manage")]
    GatewayManage,
    /// Manage accounts.
    #[serde(rename = "users:manage")]
    UsersManage,
    /// Read the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
}

/// A set of permissions. There are few, so a sorted list serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct PermissionSet(Vec<Permission>);

impl PermissionSet {
    /// True when `permission` is in the set.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// The permissions that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.iter().filter(|permission| other.has(*permission)).collect()
    }

    /// The permissions, in order.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut list: Vec<_> = permissions.into_iter().collect();
        list.sort_unstable();
        list.dedup();
        Self(list)
    }
}

/// The credential a caller was authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credential {
    /// A token from a login.
    Session(SessionId),
    /// An API key.
    Key(KeyId),
    /// A token of the OAuth issuer that is trusted; the same for all of one person and program.
    Token(uuid::Uuid),
    /// The program that embeds the runtime; no rate limit applies.
    Embedder,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Token(_) => f.write_str("oauth"),
            Self::Embedder => f.write_str("embedder"),
        }
    }
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The account.
    pub user_id: UserId,
    /// Its address, for logs and the audit.
    pub email: String,
    /// Its role.
    pub role: Role,
    /// The role's permissions, narrowed by the key that was used.
    pub permissions: PermissionSet,
    /// The credential it was authenticated with.
    pub credential: Credential,
    /// When that ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The client's IP address, where it is known.
    pub address: Option<std::net::IpAddr>,
    /// The request's id, for the audit.
    pub request_id: Option<String>,
}

impl Principal {
    /// True when the caller has an account; the program that embeds the runtime has none of its own.
    #[must_use]
    pub(crate) fn has_account(&self) -> bool {
        self.user_id != UserId::nobody()
    }

    /// True when the caller holds `permission`.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_names_that_json_has() {
        for (name, role) in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), name);
        }
    }
}
