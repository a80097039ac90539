//! Hashes and verifies passwords with argon2id, a few at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{Error, Result},
    secrets::random,
};

/// Hashes in progress: each takes 19 MiB and a core for tens of milliseconds, so a flood of logins must not get many.
const HASHES_MAX: usize = 2;

/// Callers that wait for a permit.
const WAITING_MAX: usize = 64;

/// A hash without an account. Verified where there is no account, so that this takes as long as where there is one.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b3N0bGVyIGhhcyBub2JvZHk$2uKL6MsXPd0IYSDFMZk5sB1y8rTb0a7nQvqXk4oGhEw";

/// Permits to hash.
pub(super) struct HashPermits {
    seats: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// The right to hash once; held until that hash is done, even if its caller goes away.
pub(super) struct HashPermit {
    _seat: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl HashPermits {
    /// All permits free.
    pub(super) fn new() -> Self {
        Self { seats: Arc::new(Semaphore::new(HASHES_MAX + WAITING_MAX)), turns: Arc::new(Semaphore::new(HASHES_MAX)) }
    }

    /// Waits for a permit; `Busy` at once where too many wait already.
    pub(super) async fn acquire(&self) -> Result<HashPermit> {
        const FULL: Error = Error::Busy("too many passwords are being checked; try again in a moment");
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| FULL)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| FULL)?;
        Ok(HashPermit { _seat: seat, _turn: turn })
    }
}

impl HashPermit {
    /// The hash of a new password, with a salt of its own, in PHC form.
    pub(super) async fn hash(self, password: String) -> Result<String> {
        let salt = random::bytes::<16>()?;
        let hash = move |argon2: Argon2<'_>| argon2.hash_password_with_salt(password.as_bytes(), &salt);
        let hash: PasswordHash =
            self.spend(hash).await?.map_err(|_| Error::Internal("a password cannot be hashed".into()))?;
        Ok(hash.to_string())
    }

    /// True when `hash` was made of `password`; always false, and as slow, where there is no hash.
    pub(super) async fn verify(self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY_HASH.into());
        let verify = move |argon2: Argon2<'_>| -> Result<bool> {
            let hash = PasswordHash::new(&hash).map_err(|_| Error::Internal("a stored hash cannot be read".into()))?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        };
        Ok(self.spend(verify).await?? && known)
    }

    async fn spend<T: Send + 'static>(self, work: impl FnOnce(Argon2<'static>) -> T + Send + 'static) -> Result<T> {
        let params =
            Params::new(19_456, 2, 1, None).map_err(|_| Error::Internal("argon2 refuses its parameters".into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let work = move || {
            let done = work(argon2);
            drop(self);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("hashing a password panicked".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_by_all_of_its_bytes() {
        let permits = HashPermits::new();
        let password = "x".repeat(80) + "\u{e9}";
        let hash = permits.acquire().await.unwrap().hash(password.clone()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = async |password: String| {
            permits.acquire().await.unwrap().verify(password, Some(hash.clone())).await.unwrap()
        };
        assert!(verify(password.clone()).await);
        assert!(!verify("x".repeat(80) + "e").await);
        assert!(!verify(password[..79].into()).await);
    }

    #[tokio::test]
    async fn two_accounts_with_one_password_do_not_show_it() {
        let permits = HashPermits::new();
        let hash = async || permits.acquire().await.unwrap().hash("one password".into()).await.unwrap();
        assert_ne!(hash().await, hash().await);
    }

    #[tokio::test]
    async fn where_there_is_no_account_the_same_work_is_done_in_vain() {
        let dummy = PasswordHash::new(DUMMY_HASH).unwrap();
        let params = Params::try_from(&dummy).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19_456, 2, 1));
        assert_eq!(dummy.hash.map(|hash| hash.len()), Some(32));
        assert!(!HashPermits::new().acquire().await.unwrap().verify("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn caller_beyond_the_queue_is_refused_at_once() {
        let permits = Arc::new(HashPermits::new());
        let held = (permits.acquire().await.unwrap(), permits.acquire().await.unwrap());
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let permits = Arc::clone(&permits);
                tokio::spawn(async move { permits.acquire().await.is_ok() })
            })
            .collect();
        while permits.seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(permits.acquire().await, Err(Error::Busy(_))));
        drop(held);
        for permit in waiting {
            assert!(permit.await.unwrap());
        }
    }
}
