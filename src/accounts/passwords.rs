//! [`Passwords`]: hashes of passwords, and throttled checks against them.

use std::{net::IpAddr, sync::Arc};

use crate::{
    accounts::{
        directory::Directory,
        hashing::{HashPermit, HashPermits},
        login_throttle::LoginThrottle,
    },
    error::{Error, Result},
    model::User,
    policy::account,
    secrets::random,
};

/// The result of checking a password.
pub(super) enum PasswordCheck {
    /// It is that of this account, which is enabled.
    Passed(Box<User>),
    /// It is not; the reason is for the audit log only.
    Failed(&'static str),
}

/// Hashes and checks passwords, a few at a time, and counts failed guesses.
pub(super) struct Passwords {
    directory: Arc<Directory>,
    permits: HashPermits,
    throttle: LoginThrottle,
}

impl Passwords {
    /// Passwords of the accounts in `directory`, with no guess counted yet.
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, permits: HashPermits::new(), throttle: LoginThrottle::new() }
    }

    /// The hash of a new password; waits for its turn, or fails with `Busy`.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        self.permits.acquire().await?.hash(password.to_owned()).await
    }

    /// The hash of the password for the first admin; also the password, where none is given and one is made up.
    pub(super) async fn of_first_admin(&self, given: Option<&str>, email: &str) -> Result<(String, Option<String>)> {
        let (password, generated) = match given {
            Some(password) => (password.to_owned(), None),
            None => random::password().map(|password| (password.clone(), Some(password)))?,
        };
        if let Some(fault) = account::password_fault(&password, email) {
            return Err(Error::invalid("OSTLER_ADMIN_PASSWORD", fault));
        }
        Ok((self.hash(&password).await?, generated))
    }

    /// Checks the password of the account with this address, as a guess that counts where it fails.
    pub(super) async fn check(&self, email: &str, password: &str, address: Option<IpAddr>) -> Result<PasswordCheck> {
        self.throttle.check(address, email)?;
        let permit = self.permits.acquire().await?;
        let guess = self.throttle.reserve(address, email)?;
        let check = self.compare(permit, email, password).await;
        match &check {
            Ok(PasswordCheck::Passed(_)) => self.throttle.succeeded(&guess),
            Ok(PasswordCheck::Failed(_)) => {}
            Err(_) => self.throttle.withdrawn(&guess),
        }
        check
    }

    async fn compare(&self, permit: HashPermit, email: &str, password: &str) -> Result<PasswordCheck> {
        let user = self.directory.find_by_email(email.to_owned()).await?;
        // No account has so long a password, so it may as well be cut before the work that is done in any case.
        let fits = password.len() <= account::PASSWORD_BYTES_MAX;
        let hash = user.as_ref().filter(|_| fits).map(|user| user.password_hash.clone());
        // Accounts made for the holders of tokens have no password.
        let hash = hash.filter(|hash| !hash.is_empty());
        let right = permit.verify(if fits { password.to_owned() } else { String::new() }, hash).await?;
        Ok(match user {
            None => PasswordCheck::Failed("no such account"),
            Some(_) if !right => PasswordCheck::Failed("wrong password"),
            Some(user) if user.disabled => PasswordCheck::Failed("the account is disabled"),
            Some(user) => PasswordCheck::Passed(Box::new(user)),
        })
    }
}
