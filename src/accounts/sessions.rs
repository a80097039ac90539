//! Sessions: login and logout.

use std::{fmt, net::IpAddr};

use crate::{
    access::credentials::principal,
    accounts::{Accounts, passwords::PasswordCheck},
    error::{Error, Result},
    model::{AuditEntry, Credential, Outcome, Principal, Session, SessionId, Timestamp, User},
    policy::{account, audit_quota::EntryKind},
    secrets::SESSION_LIFETIME,
    store::{Connection, sessions, users},
};

/// The one answer to every login that fails.
const WRONG: Error = Error::Unauthenticated("unknown address or wrong password");

/// A login that succeeded. `Debug` does not show the token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Login {
    /// The bearer token (JWT, HS256).
    pub token: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The user who logged in.
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

/// An attempt to log in.
struct LoginAttempt {
    email: String,
    address: Option<IpAddr>,
    request_id: Option<String>,
}

impl Accounts {
    /// Logs in with a password. The answer and the time it takes are the same for an unknown address, a wrong password
    /// and a disabled account.
    ///
    /// `RateLimited` after 5 failures in a minute for one account from one address, 30 in a minute from one address,
    /// or 50 in a quarter of an hour for one account; the last does not hold at addresses with an earlier login to it.
    /// `Busy` where more than 64 logins wait to be checked.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        address: Option<IpAddr>,
        request_id: Option<String>,
    ) -> Result<Login> {
        let attempt = LoginAttempt { email: account::claimed_email(email), address, request_id };
        match self.passwords.check(&attempt.email, password, address).await? {
            PasswordCheck::Passed(user) => self.open_session(*user, attempt).await,
            PasswordCheck::Failed(why) => {
                self.access.entries().record_or_count(EntryKind::SignIn, None, attempt.failure(why)).await?;
                Err(WRONG)
            }
        }
    }

    /// Ends the session of `who`; an API key is left as it is (`Forbidden`).
    pub async fn logout(&self, who: &Principal) -> Result<()> {
        const ACTION: &str = "auth.logout";
        self.access.require_person(who, ACTION)?;
        match who.credential {
            Credential::Session(id) => {
                let entry = AuditEntry::by(who, ACTION, who.user_id, Outcome::Success);
                let entry = self.access.entries().admit(EntryKind::SignIn, Some(who.user_id), entry);
                let delete = move |db: &mut Connection| sessions::delete(db, id).map(|_| ());
                self.directory.change_rights(who.user_id, entry, delete).await
            }
            Credential::Key(_) | Credential::Token(_) | Credential::Embedder => {
                Err(Error::Forbidden("there is no session to end".into()))
            }
        }
    }

    async fn open_session(&self, user: User, attempt: LoginAttempt) -> Result<Login> {
        let now = Timestamp::now();
        let expires_at = now.plus(SESSION_LIFETIME);
        let session = Session { id: SessionId::new(), user_id: user.id, created_at: now, expires_at };
        let token = self.keyring.tokens.sign(&session)?;
        let who = Principal {
            address: attempt.address,
            request_id: attempt.request_id,
            ..principal(&user, None, Credential::Session(session.id), Some(expires_at))
        };
        let entry = AuditEntry::by(&who, "auth.login", user.id, Outcome::Success);
        let entry = self.access.entries().admit(EntryKind::SignIn, Some(user.id), entry);
        let proven = user.clone();
        self.recorder.commit(entry, move |db| insert(db, &proven, &session)).await?;
        Ok(Login { token, expires_at, user })
    }
}

impl LoginAttempt {
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
