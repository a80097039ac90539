//! API keys.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    error::{Error, Faults, Noun, Result},
    model::{
        ApiKey, AuditEntry, Credential, KeyId, Outcome, Page, PageRequest, PermissionSet, Principal, Timestamp, UserId,
    },
    policy::{name, permission::covers},
    runtime::{
        Runtime,
        principals::{fingerprint, hex},
        random,
    },
    store::{self, Connection},
};

/// How every key begins, so that scanners for leaked secrets recognise it.
pub(super) const PREFIX: &str = "ostler_";

/// How many characters of a key are shown to recognise it by.
const SHOWN: usize = 12;

/// How many keys an account may have; also the longest page of a list.
const MOST: u32 = 100;

/// A key just made: the only time its secret is shown. `Debug` does not show it.
#[derive(Clone)]
pub struct NewKey {
    /// The key as it will be listed.
    pub key: ApiKey,
    /// The whole key, to send as a bearer token.
    pub secret: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.key.id).field("prefix", &self.key.prefix).finish_non_exhaustive()
    }
}

impl Runtime {
    /// The caller's keys.
    pub async fn keys(&self, who: &Principal, page: PageRequest) -> Result<Page<ApiKey>> {
        let user = who.user_id;
        self.inner.store.read(move |db| store::keys::list_of_user(db, user, &page)).await
    }

    /// Makes a key with at most the caller's own permissions.
    ///
    /// One made with a key has no more than that key, and ends no later. An account has at most 100 (`Conflict`).
    pub async fn create_key(
        &self,
        who: &Principal,
        name: &str,
        permissions: Option<PermissionSet>,
        expires_at: Option<Timestamp>,
    ) -> Result<NewKey> {
        if who.user_id == UserId::nobody() {
            return Err(Error::Forbidden(
                "a key belongs to an account: make it as the one that Runtime::on_behalf_of gives".into(),
            ));
        }
        if let Credential::Token(_) = who.credential {
            // A key would outlive what its issuer allows.
            self.refuse_key(who, "key.create")?;
        }
        let name = checked(who, name, permissions.as_ref(), expires_at)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>()?));
        let key = ApiKey {
            id: KeyId::new(),
            user_id: who.user_id,
            name,
            prefix: secret.chars().take(SHOWN).collect(),
            hash: hex(fingerprint(&secret)),
            permissions: permissions.or_else(|| own_limits(who)),
            created_at: Timestamp::now(),
            expires_at,
            last_used_at: None,
        };
        let entry = AuditEntry::by(who, "key.create", key.id, Outcome::Success).with_detail(key.prefix.clone());
        let maker = who.credential;
        let key = self.write(Some(entry), move |db| insert(db, key, maker)).await?;
        Ok(NewKey { key, secret })
    }

    /// Removes a key of the caller's. A key may so remove itself, but no other.
    pub async fn delete_key(&self, who: &Principal, id: KeyId) -> Result<()> {
        const ACTION: &str = "key.delete";
        if who.credential != Credential::Key(id) {
            self.refuse_key(who, ACTION)?;
        }
        let user = who.user_id;
        let entry = AuditEntry::by(who, ACTION, id, Outcome::Success);
        let delete = move |db: &mut Connection| match store::keys::delete(db, user, id)? {
            true => Ok(()),
            false => Err(Error::NotFound(Noun::Key)),
        };
        self.change_account(user, entry, delete).await?;
        self.end_session(id.uuid());
        Ok(())
    }
}

fn checked(
    who: &Principal,
    name: &str,
    permissions: Option<&PermissionSet>,
    expires_at: Option<Timestamp>,
) -> Result<String> {
    let mut faults = Faults::default();
    let name = name::kept(name);
    faults.check(name.is_ok(), "/name", name.as_ref().err().copied().unwrap_or_default());
    let wanted = permissions.map_or(0, |wanted| wanted.iter().count());
    faults.check(permissions.is_none() || wanted > 0, "/permissions", "must name a permission, or be left out");
    let held = permissions.is_none_or(|wanted| covers(&who.permissions, wanted));
    faults.check(held, "/permissions", "must not name a permission you do not hold");
    let future = expires_at.is_none_or(|end| end > Timestamp::now());
    faults.check(future, "/expiresAt", "must be in the future");
    faults.into_result()?;
    Ok(name.unwrap_or_default())
}

/// The limits a new key inherits where it names none: those of the key it is made with.
fn own_limits(who: &Principal) -> Option<PermissionSet> {
    match who.credential {
        Credential::Key(_) | Credential::Token(_) => Some(who.permissions.clone()),
        Credential::Session(_) | Credential::Embedder => None,
    }
}

fn insert(db: &mut Connection, mut key: ApiKey, maker: Credential) -> Result<ApiKey> {
    let all = store::keys::list_of_user(db, key.user_id, &PageRequest { limit: MOST, cursor: None })?.items;
    if all.len() >= usize::try_from(MOST).unwrap_or(usize::MAX) {
        return Err(Error::Conflict(format!("an account has at most {MOST} keys; remove one first")));
    }
    if let Credential::Key(id) = maker {
        let maker = all.iter().find(|key| key.id == id).ok_or(Error::NotFound(Noun::Key))?;
        key.expires_at = earlier(key.expires_at, maker.expires_at);
    }
    store::keys::insert(db, &key)?;
    Ok(key)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Permission, Role};

    fn developer(credential: Credential) -> Principal {
        Principal {
            user_id: UserId::new(),
            email: "dev@example.com".into(),
            role: Role::Developer,
            permissions: crate::policy::permission::of_role(Role::Developer),
            credential,
            expires_at: None,
            address: None,
            request_id: None,
        }
    }

    fn pointers(name: &str, permissions: &[Permission], expires_at: Option<Timestamp>) -> Vec<String> {
        let permissions = permissions.iter().copied().collect();
        match checked(&developer(Credential::Embedder), name, Some(&permissions), expires_at) {
            Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_with_more_than_its_maker_holds_is_refused_with_every_fault_at_once() {
        let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(pointers("", &[Permission::McpManage], past), ["/name", "/permissions", "/expiresAt"]);
        assert_eq!(pointers("ci", &[], None), ["/permissions"]);
    }

    #[test]
    fn a_key_made_with_a_key_inherits_its_limits_and_its_end() {
        assert_eq!(own_limits(&developer(Credential::Embedder)), None);
        let by_key = developer(Credential::Key(KeyId::new()));
        assert_eq!(own_limits(&by_key), Some(by_key.permissions));
        let (soon, late) = ("2030-01-01T00:00:00Z".parse().ok(), "2031-01-01T00:00:00Z".parse().ok());
        assert_eq!(earlier(late, soon), soon);
        assert_eq!(earlier(None, soon), soon);
        assert_eq!(earlier(soon, None), soon);
        assert_eq!(earlier(None, None), None);
    }

    #[test]
    fn debug_shows_no_secret() {
        let now = Timestamp::now();
        let key = ApiKey {
            id: KeyId::new(),
            user_id: UserId::new(),
            name: "ci".into(),
            prefix: "ostler_AAAAA".into(),
            hash: String::new(),
            permissions: None,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        assert!(!format!("{:?}", NewKey { key, secret: "ostler_whole".into() }).contains("whole"));
    }
}
