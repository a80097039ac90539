//! [`NamedSecret`]: a secret of a user as it is listed, without its value.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{ServerId, Timestamp, hidden::Hidden};

/// A secret of a user, without its value, which nothing shows again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NamedSecret {
    /// Its name, as `${secret:NAME}` has it.
    pub name: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Servers of other users that may have it, in processes that are for its owner alone.
    #[schema(value_type = Vec<String>)]
    pub servers: Vec<ServerId>,
    /// Servers that refer to it and may have it: its owner's, and those of `servers`.
    #[schema(value_type = Vec<String>)]
    pub used_by: Vec<ServerId>,
}

/// A change of a secret; what is `None` stays. `Debug` does not show the value.
#[derive(Clone, Default)]
pub struct SecretChange {
    /// New value; a secret that is not there yet needs one.
    pub value: Option<String>,
    /// All the servers of other users that may have it from now on; none for a new secret.
    pub servers: Option<Vec<ServerId>>,
}

impl SecretChange {
    /// A change of the value alone.
    pub fn value(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), servers: None }
    }
}

impl fmt::Debug for SecretChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { value, servers } = self;
        let value = value.as_ref().map(|_| Hidden);
        f.debug_struct("SecretChange").field("value", &value).field("servers", servers).finish()
    }
}
