//! [`Values`]: the secrets of all users in memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::{Server, ServerId, Timestamp, UserId},
    policy::reference,
    secrets::{Keyring, context},
    store::user_secrets::StoredSecret,
};

/// Most bytes of a value: as many as a variable may have.
pub(super) const VALUE_BYTES_MAX: usize = 32 << 10;

/// Value of a secret, and the servers that may have it; sealed as JSON of this form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecretValue {
    pub value: String,
    /// Servers of other users that may have it.
    pub servers: BTreeSet<ServerId>,
}

/// A secret in memory.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KeptSecret {
    pub content: SecretValue,
    pub changed_at: Timestamp,
}

/// Secrets by owner and name.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Values(BTreeMap<UserId, BTreeMap<String, KeptSecret>>);

impl Values {
    /// Opens what is stored.
    pub(super) fn open(keyring: &Keyring, stored: Vec<StoredSecret>) -> Result<Self> {
        let mut values = Self::default();
        for StoredSecret { user_id, name, sealed, updated_at } in stored {
            let json = keyring.open(&context::named_secret(user_id, &name), &sealed)?;
            let content =
                serde_json::from_str(&json).map_err(|_| Error::Internal("a stored secret is no object".into()))?;
            values.put(user_id, name, KeptSecret { content, changed_at: updated_at });
        }
        Ok(values)
    }

    /// Keeps a secret in place of the one before.
    pub(super) fn put(&mut self, user: UserId, name: String, secret: KeptSecret) {
        self.0.entry(user).or_default().insert(name, secret);
    }

    /// Takes a secret out.
    pub(super) fn remove(&mut self, user: UserId, name: &str) -> Option<KeptSecret> {
        self.0.get_mut(&user)?.remove(name)
    }

    /// Takes every secret of a user out.
    pub(super) fn remove_all(&mut self, user: UserId) {
        self.0.remove(&user);
    }

    /// The secret of this name.
    pub(super) fn get(&self, user: UserId, name: &str) -> Option<&KeptSecret> {
        self.0.get(&user)?.get(name)
    }

    /// The secrets of a user, by name.
    pub(super) fn of_user(&self, user: UserId) -> impl Iterator<Item = (&String, &KeptSecret)> {
        self.0.get(&user).into_iter().flatten()
    }

    /// The value that takes the place of a reference in a process of `server` that is for `caller` alone, or for all:
    /// the caller's own where they allowed it, otherwise the owner's.
    pub(super) fn find(&self, server: &Server, caller: Option<UserId>, name: &str) -> Option<&str> {
        let own = caller.filter(|caller| *caller != server.user_id).and_then(|caller| self.get(caller, name));
        let own = own.filter(|secret| secret.content.servers.contains(&server.id));
        let found = own.or_else(|| self.get(server.user_id, name))?;
        Some(&found.content.value)
    }

    /// The users whose secrets processes of `server` may have: its owner, and who allowed one of theirs that it asks
    /// for.
    pub(super) fn users_of(&self, server: &Server) -> Vec<UserId> {
        let gives = |secrets: &BTreeMap<String, KeptSecret>| {
            let is_given = |(name, secret): (&String, &KeptSecret)| {
                secret.content.servers.contains(&server.id) && reference::refers_to(&server.config, name)
            };
            secrets.iter().any(is_given)
        };
        let others = self.0.iter().filter(|(user, secrets)| **user != server.user_id && gives(secrets));
        std::iter::once(server.user_id).chain(others.map(|(user, _)| *user)).collect()
    }
}

/// Seals a secret for the database.
pub(super) fn seal(keyring: &Keyring, user: UserId, name: &str, secret: &SecretValue) -> Result<String> {
    let json =
        serde_json::to_string(secret).map_err(|_| Error::Internal("a secret cannot be written as JSON".into()))?;
    keyring.seal(&context::named_secret(user, name), &json)
}
