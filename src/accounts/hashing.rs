//! Hashes and verifies passwords with argon2id, one at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{Error, Result},
    secrets::random,
};

/// Callers that hash or wait for it. A flood of logins must not get more than a core.
const SEATS: usize = 66;

/// A hash without an account. Verified where there is no account, so that this takes as long as where there is one.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b3N0bGVyIGhhcyBub2JvZHk$2uKL6MsXPd0IYSDFMZk5sB1y8rTb0a7nQvqXk4oGhEw";

/// Permits to hash, one after the other.
pub(super) struct HashPermits {
    seats: Arc<Semaphore>,
    /// The 19 MiB that a hash works in. Kept: the C library would keep as much for each thread that had ever hashed.
    memory: Arc<Mutex<Vec<Block>>>,
}

/// The right to hash once; held until that hash is done, even if its caller goes away.
pub(super) struct HashPermit {
    _seat: OwnedSemaphorePermit,
    memory: OwnedMutexGuard<Vec<Block>>,
}

impl HashPermits {
    /// All permits free.
    pub(super) fn new() -> Self {
        Self { seats: Arc::new(Semaphore::new(SEATS)), memory: Arc::default() }
    }

    /// Waits for a permit; `Busy` at once where too many wait already.
    pub(super) async fn acquire(&self) -> Result<HashPermit> {
        let full = |_| Error::Busy("too many passwords are being checked; try again in a moment");
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(full)?;
        Ok(HashPermit { _seat: seat, memory: Arc::clone(&self.memory).lock_owned().await })
    }
}

impl HashPermit {
    /// The hash of a new password, with a salt of its own, in PHC form.
    pub(super) async fn hash(self, password: String) -> Result<String> {
        let salt = random::bytes::<16>()?;
        let hash = move |memory: &mut Vec<Block>| {
            let params = Params::new(19_456, 2, 1, None)?;
            Ok(PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params)?,
                salt: Some(Salt::new(&salt)?),
                hash: Some(output(memory, params, Params::DEFAULT_OUTPUT_LEN, &password, &salt)?),
            })
        };
        let hash: argon2::password_hash::Result<PasswordHash> = self.spend(hash).await?;
        Ok(hash.map_err(|_| Error::Internal("a password cannot be hashed".into()))?.to_string())
    }

    /// True when `hash` was made of `password`; always false, and as slow, where there is no hash.
    pub(super) async fn verify(self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = PasswordHash::new(hash.as_deref().unwrap_or(DUMMY_HASH)).map_err(|_| unreadable())?;
        let verify = move |memory: &mut Vec<Block>| {
            let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Ok(false) };
            // Compared in constant time.
            Ok(output(memory, Params::try_from(&hash)?, expected.len(), &password, &salt)? == expected)
        };
        let is_right: argon2::password_hash::Result<bool> = self.spend(verify).await?;
        Ok(is_right.map_err(|_| unreadable())? && known)
    }

    async fn spend<T: Send + 'static>(mut self, work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static) -> Result<T> {
        let work = move || work(&mut self.memory);
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("hashing a password panicked".into()))
    }
}

fn unreadable() -> Error {
    Error::Internal("a stored hash cannot be read".into())
}

/// The argon2id of a password, worked out in `memory`.
fn output(
    memory: &mut Vec<Block>,
    params: Params,
    length: usize,
    password: &str,
    salt: &[u8],
) -> argon2::password_hash::Result<Output> {
    memory.resize(params.block_count(), Block::default());
    let mut buffer = [0; Output::MAX_LENGTH];
    let out = buffer.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory)?;
    Ok(Output::new(out)?)
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
        let held = permits.acquire().await.unwrap();
        let waiting: Vec<_> = (1..SEATS)
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
