//! [`CredentialCache`]: holders of credentials, for a second after they were looked up.

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    access::credentials::is_expired,
    model::{KeyId, Principal, UserId},
    policy::rate::{Limit, Windows},
};

/// Age up to which a looked-up credential is valid: another process may have changed its rights.
const ENTRY_LIFETIME: Duration = Duration::from_secs(1);

/// Credentials in the cache: a few MiB.
const ENTRIES_MAX: usize = 10_000;

/// Writes of the last use of a key: often enough for people, seldom enough for the database.
pub(super) const TOUCH_LIMIT: Limit = Limit { quota: 1, window: Duration::from_secs(60) };

/// See [`fingerprint`].
type Fingerprint = [u8; 32];

/// Holders of credentials that were looked up within the last second, by fingerprint.
pub(super) struct CredentialCache {
    start: Instant,
    table: Mutex<CacheTable>,
}

struct CacheTable {
    by_fingerprint: HashMap<Fingerprint, (Instant, Principal)>,
    /// Goes up with each [`CredentialCache::forget`], so that a holder read before it is not inserted after it.
    generation: u64,
    touched: Windows<KeyId>,
}

impl CredentialCache {
    /// An empty cache.
    pub(super) fn new() -> Self {
        let table = CacheTable { by_fingerprint: HashMap::new(), generation: 0, touched: Windows::new(TOUCH_LIMIT) };
        Self { start: Instant::now(), table: Mutex::new(table) }
    }

    /// Removes every credential of an account.
    pub(super) fn forget(&self, user: UserId) {
        let mut table = self.table.lock();
        table.generation = table.generation.wrapping_add(1);
        table.by_fingerprint.retain(|_, (_, principal)| principal.user_id != user);
    }

    /// Removes every credential.
    pub(super) fn forget_all(&self) {
        let mut table = self.table.lock();
        table.generation = table.generation.wrapping_add(1);
        table.by_fingerprint.clear();
    }

    /// The holder of a credential; the generation to insert it with where it is to be looked up.
    pub(super) fn get(&self, fingerprint: &Fingerprint) -> Result<Principal, u64> {
        let table = self.table.lock();
        let entry = table
            .by_fingerprint
            .get(fingerprint)
            .filter(|(seen, who)| seen.elapsed() < ENTRY_LIFETIME && !is_expired(who));
        entry.map(|(_, principal)| principal.clone()).ok_or(table.generation)
    }

    /// Adds the holder of a credential, as `seen` while this generation lasted.
    pub(super) fn insert(&self, fingerprint: Fingerprint, generation: u64, seen: Instant, principal: Principal) {
        let mut table = self.table.lock();
        if table.generation != generation {
            return;
        }
        if table.by_fingerprint.len() >= ENTRIES_MAX {
            table.by_fingerprint.retain(|_, (seen, _)| seen.elapsed() < ENTRY_LIFETIME);
        }
        if table.by_fingerprint.len() < ENTRIES_MAX {
            table.by_fingerprint.insert(fingerprint, (seen, principal));
        }
    }

    /// True when the use of a key should be recorded now.
    pub(super) fn is_touch_due(&self, key: KeyId) -> bool {
        let now = self.start.elapsed();
        self.table.lock().touched.take(key, now).is_ok()
    }
}

/// The SHA-256 of a secret. Fit for secrets too long to guess, not for passwords.
pub(super) fn fingerprint(secret: &str) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    // Does not panic: both are 256 bits long.
    fingerprint.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::credentials::principal,
        model::{Credential, Permission, PermissionSet, Role, SessionId, User},
        policy::{hex, permission::of_role},
    };

    fn user(role: Role) -> User {
        User::new("user@example.com".into(), "User".into(), role, String::new())
    }

    fn session_of(user: &User) -> Principal {
        principal(user, None, Credential::Session(SessionId::new()), None)
    }

    #[test]
    fn a_key_never_has_more_than_its_owners_role_has_now() {
        let key: PermissionSet = [Permission::McpExecute, Permission::McpRead].into_iter().collect();
        let narrowed = principal(&user(Role::Viewer), Some(&key), Credential::Key(KeyId::new()), None);
        assert_eq!(narrowed.permissions.iter().collect::<Vec<_>>(), [Permission::McpRead]);
        assert_eq!(session_of(&user(Role::Viewer)).permissions, of_role(Role::Viewer));
    }

    #[tokio::test(start_paused = true)]
    async fn credential_is_cached_for_a_second() {
        let (cache, who) = (CredentialCache::new(), session_of(&user(Role::Admin)));
        cache.insert(fingerprint("f"), 0, Instant::now(), who.clone());
        tokio::time::advance(ENTRY_LIFETIME / 2).await;
        assert_eq!(cache.get(&fingerprint("f")), Ok(who));
        tokio::time::advance(ENTRY_LIFETIME / 2).await;
        assert_eq!(cache.get(&fingerprint("f")), Err(0));
    }

    #[tokio::test(start_paused = true)]
    async fn change_of_rights_acts_on_lookups_in_flight() {
        let (cache, now) = (CredentialCache::new(), Instant::now());
        let (who, other) = (session_of(&user(Role::Admin)), session_of(&user(Role::Admin)));
        cache.insert(fingerprint("f"), 0, now, who.clone());
        cache.insert(fingerprint("g"), 0, now, other.clone());
        cache.forget(who.user_id);
        cache.insert(fingerprint("f"), 0, now, who);
        assert_eq!(cache.get(&fingerprint("f")), Err(1));
        assert_eq!(cache.get(&fingerprint("g")), Ok(other));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_of_credentials_is_bounded() {
        let (cache, now) = (CredentialCache::new(), Instant::now());
        let who = session_of(&user(Role::Admin));
        for n in 0..ENTRIES_MAX + 100 {
            cache.insert(fingerprint(&n.to_string()), 0, now, who.clone());
        }
        assert_eq!(cache.table.lock().by_fingerprint.len(), ENTRIES_MAX);
    }

    #[test]
    fn a_fingerprint_is_the_sha_256_in_hex() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(&fingerprint("abc")), abc);
    }
}
