//! Logging in and out.

use std::{fmt, net::IpAddr};

use crate::{
    access::credentials::principal,
    error::{Error, Result},
    model::{AuditEntry, Credential, Outcome, Principal, Session, SessionId, Timestamp, User},
    policy::{account, audit_quota::EntryKind},
    runtime::{Runtime, hashing::Turn},
    secrets::SESSION_LIFETIME,
    store::{Connection, sessions, users},
};

/// The one answer to every login that fails.
const WRONG: Error = Error::Unauthenticated("unknown address or wrong password");

/// A login that succeeded. `Debug` does not show the token.
#[derive(Clone)]
pub struct Login {
    /// The bearer token (JWT, HS256).
    pub token: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Who logged in.
    pub user: User,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What came of checking a password.
pub(super) enum Proof {
    /// It is that of this account, which is enabled.
    Passed(Box<User>),
    /// It is not; the reason is for the audit log only.
    Failed(&'static str),
}

/// Somebody who says who they are.
struct Stranger {
    email: String,
    address: Option<IpAddr>,
    request_id: Option<String>,
}

impl Runtime {
    /// Logs in with a password. The answer and the time it takes are the same for an unknown address, a wrong password and a disabled account.
    ///
    /// `RateLimited` after 5 failures in a minute for one account from one address, 30 in a minute from one address,
    /// or 50 in a quarter of an hour for one account; the last does not hold where somebody logged in to it before.
    /// `Busy` where more than 64 logins wait to be checked.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        address: Option<IpAddr>,
        request_id: Option<String>,
    ) -> Result<Login> {
        let stranger = Stranger { email: account::claimed_email(email), address, request_id };
        match self.prove(&stranger.email, password, address).await? {
            Proof::Passed(user) => self.open_session(*user, stranger).await,
            Proof::Failed(why) => {
                self.inner.access.entries().record_or_count(EntryKind::SignIn, None, stranger.failure(why)).await?;
                Err(WRONG)
            }
        }
    }

    /// Ends the session of `who`; an API key is left as it is (`Forbidden`).
    pub async fn logout(&self, who: &Principal) -> Result<()> {
        const ACTION: &str = "auth.logout";
        self.inner.access.require_person(who, ACTION)?;
        match who.credential {
            Credential::Session(id) => {
                let entry = AuditEntry::by(who, ACTION, who.user_id, Outcome::Success);
                let entry = self.inner.access.entries().admit(EntryKind::SignIn, Some(who.user_id), entry);
                self.change_account(who.user_id, entry, move |db| sessions::delete(db, id).map(|_| ())).await?;
                self.end_session(id.uuid());
                Ok(())
            }
            Credential::Key(_) | Credential::Token(_) | Credential::Embedder => {
                Err(Error::Forbidden("there is no session to end".into()))
            }
        }
    }

    /// Checks a password as a login does, throttled and counted likewise.
    pub(super) async fn prove(&self, email: &str, password: &str, address: Option<IpAddr>) -> Result<Proof> {
        let throttle = &self.inner.accounts.throttle;
        throttle.check(address, email)?;
        let turn = self.inner.accounts.hashing.turn().await?;
        let guess = throttle.reserve(address, email)?;
        let proof = self.compare(turn, email, password).await;
        match &proof {
            Ok(Proof::Passed(_)) => throttle.succeeded(&guess),
            Ok(Proof::Failed(_)) => {}
            Err(_) => throttle.withdrawn(&guess),
        }
        proof
    }

    async fn compare(&self, turn: Turn, email: &str, password: &str) -> Result<Proof> {
        let email = email.to_owned();
        let user = self.inner.store.read(move |db| users::find_by_email(db, &email)).await?;
        // No account has so long a password, so it may as well be cut before the work that is done in any case.
        let fits = password.len() <= account::LONGEST;
        let hash = user.as_ref().filter(|_| fits).map(|user| user.password_hash.clone());
        // Accounts made for the holders of tokens have no password.
        let hash = hash.filter(|hash| !hash.is_empty());
        let right = turn.verify(if fits { password.to_owned() } else { String::new() }, hash).await?;
        Ok(match user {
            None => Proof::Failed("no such account"),
            Some(_) if !right => Proof::Failed("wrong password"),
            Some(user) if user.disabled => Proof::Failed("the account is disabled"),
            Some(user) => Proof::Passed(Box::new(user)),
        })
    }

    async fn open_session(&self, user: User, stranger: Stranger) -> Result<Login> {
        let now = Timestamp::now();
        let expires_at = now.plus(SESSION_LIFETIME);
        let session = Session { id: SessionId::new(), user_id: user.id, created_at: now, expires_at };
        let token = self.inner.keyring.tokens.sign(&session)?;
        let who = Principal {
            address: stranger.address,
            request_id: stranger.request_id,
            ..principal(&user, None, Credential::Session(session.id), Some(expires_at))
        };
        let entry = AuditEntry::by(&who, "auth.login", user.id, Outcome::Success);
        let entry = self.inner.access.entries().admit(EntryKind::SignIn, Some(user.id), entry);
        let proven = user.clone();
        self.inner.recorder.commit(entry, move |db| insert(db, &proven, &session)).await?;
        Ok(Login { token, expires_at, user })
    }
}

impl Stranger {
    fn failure(self, why: &str) -> AuditEntry {
        AuditEntry {
            actor: self.email.clone(),
            address: self.address.map(|address| address.to_string()),
            request_id: self.request_id,
            credential: None,
            ..AuditEntry::by_ostler("auth.login", self.email, Outcome::Failure).with_detail(why)
        }
    }
}

fn insert(db: &mut Connection, proven: &User, session: &Session) -> Result<()> {
    // The account may have been disabled, or its password changed, while this one was being checked.
    let unchanged = |user: &User| !user.disabled && user.password_hash == proven.password_hash;
    users::find(db, proven.id)?.filter(unchanged).ok_or(WRONG)?;
    sessions::delete_expired(db, session.created_at)?;
    sessions::insert(db, session)
}
