//! Authentication: who a credential belongs to, with the permissions it has now.

use tokio::time::Instant;

use crate::{
    access::credentials::{UNKNOWN, holder_of_key, principal},
    accounts::{
        Accounts,
        credential_cache::{TOUCH_LIMIT, fingerprint},
    },
    error::{Error, Result},
    model::{ApiKey, Credential, KEY_PREFIX, Principal, Timestamp, UserId},
    policy::hex,
    store::{self, Connection},
};

/// Bytes of the longest credential: what Ostler makes is shorter, and so are tokens of issuers.
const CREDENTIAL_BYTES_MAX: usize = 8192;

impl Accounts {
    /// The holder of a bearer token or API key, with the permissions it has now.
    /// Answers from memory for up to a second; a change of rights made in this process acts at once.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
        if bearer.len() > CREDENTIAL_BYTES_MAX {
            return Err(UNKNOWN);
        }
        let fingerprint = fingerprint(bearer);
        let cache = self.directory.cache();
        let generation = match cache.get(&fingerprint) {
            Ok(principal) => return Ok(principal),
            Err(generation) => generation,
        };
        let seen = Instant::now();
        let found = if bearer.starts_with(KEY_PREFIX) {
            self.find_key_holder(hex::encode(&fingerprint)).await?
        } else {
            self.find_token_holder(bearer).await?
        };
        let principal = found.ok_or(UNKNOWN)?;
        cache.insert(fingerprint, generation, seen, principal.clone());
        Ok(principal)
    }

    /// An account as a caller, while the program that embeds this runtime acts for it: what its role may do, no rate
    /// limit. For programs that know their users by other means than a login. `Forbidden` where the account is
    /// disabled.
    pub async fn on_behalf_of(&self, user: UserId) -> Result<Principal> {
        let user = self.directory.find(user).await?;
        if user.disabled {
            return Err(Error::Forbidden("the account is disabled".into()));
        }
        Ok(principal(&user, None, Credential::Embedder, None))
    }

    async fn find_key_holder(&self, hash: String) -> Result<Option<Principal>> {
        let now = Timestamp::now();
        let find = move |db: &mut Connection| {
            store::keys::find_by_hash(db, &hash)?.map_or(Ok(None), |key| holder_of_key(db, key, now))
        };
        let found = self.store.read(find).await?;
        Ok(found.map(|(principal, key)| {
            self.touch(&key, now);
            principal
        }))
    }

    /// Notes that a key was used, to the minute, without making its request wait.
    fn touch(&self, key: &ApiKey, now: Timestamp) {
        let is_noted = key.last_used_at.is_some_and(|last| last.plus(TOUCH_LIMIT.window) > now);
        if is_noted || !self.directory.cache().is_touch_due(key.id) {
            return;
        }
        let (recorder, id) = (self.recorder.clone(), key.id);
        self.recorder.spawn(async move {
            if let Err(error) = recorder.write(None, move |db| store::keys::touch(db, id, now)).await {
                log::warn!(key:% = id, error:% = error; "the use of an API key was not noted");
            }
        });
    }
}
