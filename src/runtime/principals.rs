//! Whom a credential belongs to: looked up, and remembered for a second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::time::Instant;

use crate::{
    access::credentials::{UNKNOWN, holder_of_key, holder_of_session, is_expired, principal},
    error::{Error, Result},
    model::{ApiKey, Credential, KeyId, Principal, Timestamp, UserId},
    policy::{
        hex,
        rate::{Limit, Windows},
    },
    runtime::{Runtime, keys},
    store,
};

/// Anything longer is nothing that we or an issuer made.
const LONGEST: usize = 8192;

/// How long a looked-up credential is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// How many are remembered.
const MOST: usize = 10_000;

/// How often the use of a key is written down.
const TOUCH: Limit = Limit { quota: 1, window: Duration::from_secs(60) };

/// See [`fingerprint`].
type Fingerprint = [u8; 32];

/// Credentials seen within the last second, by fingerprint.
pub(super) struct Principals {
    start: Instant,
    known: Mutex<Known>,
}

struct Known {
    by_fingerprint: HashMap<Fingerprint, (Instant, Principal)>,
    /// Goes up with each [`Principals::forget`], so that what was read before is not remembered after it.
    generation: u64,
    touched: Windows<KeyId>,
}

impl Principals {
    /// None known.
    pub(super) fn new() -> Self {
        let known = Known { by_fingerprint: HashMap::new(), generation: 0, touched: Windows::new(TOUCH) };
        Self { start: Instant::now(), known: Mutex::new(known) }
    }

    /// Stops believing every credential of an account.
    pub(super) fn forget(&self, user: UserId) {
        let mut known = self.known();
        known.generation = known.generation.wrapping_add(1);
        known.by_fingerprint.retain(|_, (_, principal)| principal.user_id != user);
    }

    /// Stops believing every credential.
    pub(super) fn forget_all(&self) {
        let mut known = self.known();
        known.generation = known.generation.wrapping_add(1);
        known.by_fingerprint.clear();
    }

    fn recall(&self, fingerprint: &Fingerprint) -> Result<Principal, u64> {
        let known = self.known();
        let entry =
            known.by_fingerprint.get(fingerprint).filter(|(seen, who)| seen.elapsed() < BELIEVED && !is_expired(who));
        entry.map(|(_, principal)| principal.clone()).ok_or(known.generation)
    }

    fn remember(&self, fingerprint: Fingerprint, generation: u64, seen: Instant, principal: Principal) {
        let mut known = self.known();
        if known.generation != generation {
            return;
        }
        if known.by_fingerprint.len() >= MOST {
            known.by_fingerprint.retain(|_, (seen, _)| seen.elapsed() < BELIEVED);
        }
        if known.by_fingerprint.len() < MOST {
            known.by_fingerprint.insert(fingerprint, (seen, principal));
        }
    }

    fn is_touch_due(&self, key: KeyId) -> bool {
        let now = self.start.elapsed();
        self.known().touched.take(key, now).is_ok()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Who a bearer token or API key belongs to, with the permissions it has now.
    /// Answers from memory for up to a second; a change of rights made in this process acts at once.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
        if bearer.len() > LONGEST {
            return Err(UNKNOWN);
        }
        let fingerprint = fingerprint(bearer);
        let principals = &self.inner.accounts.principals;
        let generation = match principals.recall(&fingerprint) {
            Ok(principal) => return Ok(principal),
            Err(generation) => generation,
        };
        let seen = Instant::now();
        let found = if bearer.starts_with(keys::PREFIX) {
            let hash = hex::encode(&fingerprint);
            let now = Timestamp::now();
            let find = move |db: &mut store::Connection| {
                store::keys::find_by_hash(db, &hash)?.map_or(Ok(None), |key| holder_of_key(db, key, now))
            };
            let found = self.inner.store.read(find).await?;
            found.map(|(principal, key)| {
                self.touch(&key, now);
                principal
            })
        } else if let Some((session, user)) = self.inner.keyring.tokens.check(bearer) {
            self.inner.store.read(move |db| holder_of_session(db, session, user)).await?
        } else {
            Some(self.holder_of_token(bearer).await?)
        };
        let principal = found.ok_or(UNKNOWN)?;
        principals.remember(fingerprint, generation, seen, principal.clone());
        Ok(principal)
    }

    /// Who an account is while the program that embeds this runtime acts for it: what its role may do, no rate limit.
    /// For programs that know their users by other means than a login. `Forbidden` where the account is disabled.
    pub async fn on_behalf_of(&self, user: UserId) -> Result<Principal> {
        let user = self.find_user(user).await?;
        if user.disabled {
            return Err(Error::Forbidden("the account is disabled".into()));
        }
        Ok(principal(&user, None, Credential::Embedder, None))
    }

    /// Writes down that a key was used, to the minute, without making its request wait.
    fn touch(&self, key: &ApiKey, now: Timestamp) {
        let noted = key.last_used_at.is_some_and(|last| last.plus(TOUCH.window) > now);
        if noted || !self.inner.accounts.principals.is_touch_due(key.id) {
            return;
        }
        let (recorder, id) = (self.inner.recorder.clone(), key.id);
        tokio::spawn(async move {
            if let Err(error) = recorder.write(None, move |db| store::keys::touch(db, id, now)).await {
                log::warn!(key:% = id, error:% = error; "the use of an API key was not noted");
            }
        });
    }
}

/// What a secret is known by: its SHA-256. Fit for secrets too long to guess, not for passwords.
pub(super) fn fingerprint(secret: &str) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    // As long as what is copied: that is what the name SHA-256 says.
    fingerprint.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Permission, PermissionSet, Role, SessionId, User},
        policy::permission::of_role,
    };

    fn somebody(role: Role) -> User {
        let now = Timestamp::now();
        User {
            id: UserId::new(),
            email: "somebody@example.com".into(),
            name: "Somebody".into(),
            role,
            disabled: false,
            password_hash: String::new(),
            created_at: now,
            updated_at: now,
        }
    }

    fn session_of(user: &User) -> Principal {
        principal(user, None, Credential::Session(SessionId::new()), None)
    }

    #[test]
    fn a_key_never_has_more_than_its_owners_role_has_now() {
        let key: PermissionSet = [Permission::McpExecute, Permission::McpRead].into_iter().collect();
        let narrowed = principal(&somebody(Role::Viewer), Some(&key), Credential::Key(KeyId::new()), None);
        assert_eq!(narrowed.permissions.iter().collect::<Vec<_>>(), [Permission::McpRead]);
        assert_eq!(session_of(&somebody(Role::Viewer)).permissions, of_role(Role::Viewer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_is_believed_for_a_second() {
        let (principals, who) = (Principals::new(), session_of(&somebody(Role::Admin)));
        principals.remember(fingerprint("f"), 0, Instant::now(), who.clone());
        tokio::time::advance(BELIEVED / 2).await;
        assert_eq!(principals.recall(&fingerprint("f")), Ok(who));
        tokio::time::advance(BELIEVED / 2).await;
        assert_eq!(principals.recall(&fingerprint("f")), Err(0));
    }

    #[test]
    fn a_change_of_rights_acts_at_once_even_on_what_is_being_looked_up() {
        let (principals, now) = (Principals::new(), Instant::now());
        let (who, other) = (session_of(&somebody(Role::Admin)), session_of(&somebody(Role::Admin)));
        principals.remember(fingerprint("f"), 0, now, who.clone());
        principals.remember(fingerprint("g"), 0, now, other.clone());
        principals.forget(who.user_id);
        principals.remember(fingerprint("f"), 0, now, who);
        assert_eq!(principals.recall(&fingerprint("f")), Err(1));
        assert_eq!(principals.recall(&fingerprint("g")), Ok(other));
    }

    #[test]
    fn memory_of_credentials_is_bounded() {
        let (principals, now) = (Principals::new(), Instant::now());
        let who = session_of(&somebody(Role::Admin));
        for n in 0..MOST + 100 {
            principals.remember(fingerprint(&n.to_string()), 0, now, who.clone());
        }
        assert_eq!(principals.known().by_fingerprint.len(), MOST);
    }

    #[test]
    fn a_fingerprint_is_the_sha_256_in_hex() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(&fingerprint("abc")), abc);
    }
}
