//! Holders of credentials, as the database knows them: who they are, and with which permissions.

use crate::{
    error::{Error, Result},
    model::{ApiKey, Credential, PermissionSet, Principal, Role, SessionId, Timestamp, User, UserId},
    policy::permission::of_role,
    store::{self, sessions, users},
};

/// The answer to every credential that is not valid, whatever the reason, so that it tells nothing.
pub(crate) const UNKNOWN: Error = Error::Unauthenticated("log in, or send a valid API key");

/// The caller `who` with the account and permissions of now; `None` where their credential has ended.
pub(crate) fn holder_now(db: &mut store::Connection, who: &Principal) -> Result<Option<Principal>> {
    if is_expired(who) {
        return Ok(None);
    }
    match who.credential {
        Credential::Session(id) => holder_of_session(db, id, who.user_id),
        Credential::Key(id) => {
            let key = store::keys::find(db, id)?;
            let holder = key.map_or(Ok(None), |key| holder_of_key(db, key, Timestamp::now()))?;
            Ok(holder.map(|(principal, _)| principal))
        }
        Credential::Embedder if who.user_id == UserId::nobody() => Ok(Some(who.clone())),
        Credential::Embedder | Credential::Token(_) => {
            let user = users::find(db, who.user_id)?.filter(|user| !user.disabled);
            Ok(user.map(|user| principal(&user, Some(&who.permissions), who.credential, who.expires_at)))
        }
    }
}

/// True when the credential of `who` has expired.
pub(crate) fn is_expired(who: &Principal) -> bool {
    who.expires_at.is_some_and(|end| end <= Timestamp::now())
}

/// The holder of a session of `user`; `None` where it has ended, or the account is disabled.
pub(crate) fn holder_of_session(db: &mut store::Connection, id: SessionId, user: UserId) -> Result<Option<Principal>> {
    let now = Timestamp::now();
    let session = sessions::find(db, id)?.filter(|session| session.user_id == user && session.expires_at > now);
    let Some(session) = session else { return Ok(None) };
    let user = users::find(db, user)?.filter(|user| !user.disabled);
    Ok(user.map(|user| principal(&user, None, Credential::Session(id), Some(session.expires_at))))
}

/// The holder of a key that has not expired `now`, and the key; `None` where it has, or the account is disabled.
pub(crate) fn holder_of_key(
    db: &mut store::Connection,
    key: ApiKey,
    now: Timestamp,
) -> Result<Option<(Principal, ApiKey)>> {
    if key.expires_at.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    let user = users::find(db, key.user_id)?.filter(|user| !user.disabled);
    let holder = |user: User| principal(&user, key.permissions.as_ref(), Credential::Key(key.id), key.expires_at);
    Ok(user.map(holder).map(|principal| (principal, key)))
}

/// The program that embeds a runtime: an account of its own with every permission, no rate limit.
pub(crate) fn embedder() -> Principal {
    Principal {
        user_id: UserId::nobody(),
        email: "embedder".into(),
        role: Role::Admin,
        permissions: of_role(Role::Admin),
        credential: Credential::Embedder,
        expires_at: None,
        address: None,
        request_id: None,
    }
}

/// The holder of a credential of `user`, narrowed to `permissions` where there are any.
pub(crate) fn principal(
    user: &User,
    permissions: Option<&PermissionSet>,
    credential: Credential,
    expires_at: Option<Timestamp>,
) -> Principal {
    let held = of_role(user.role);
    Principal {
        user_id: user.id,
        email: user.email.clone(),
        role: user.role,
        permissions: permissions.map_or_else(|| held.clone(), |narrowed| held.intersection(narrowed)),
        credential,
        expires_at,
        address: None,
        request_id: None,
    }
}
