//! API keys.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    access::Access,
    accounts::{
        admin_rights::{may_change_admins, record_if_forbidden, require_for_roles},
        credential_cache::fingerprint,
        directory::Directory,
    },
    error::{Error, Faults, Noun, Result},
    model::{
        ApiKey, AuditEntry, Credential, KEY_PREFIX, KeyId, KeySpec, Outcome, Page, PageRequest, Permission,
        PermissionSet, Principal, Timestamp, UserId,
    },
    policy::{hex, name, permission::covers},
    recorder::Recorder,
    secrets::random,
    store::{self, Connection, Store},
};

/// Characters of a key that are shown to recognise it by: the common prefix and five of its own.
const SHOWN_CHARACTERS: usize = 12;

/// Keys of one account; also the longest page of a list.
const KEYS_PER_USER_MAX: u32 = 100;

/// A key just made: the only time its secret is shown. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewKey {
    /// The key as it will be listed.
    pub key: ApiKey,
    /// The key in full, to send as a bearer token.
    pub secret: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.key.id).field("prefix", &self.key.prefix).finish_non_exhaustive()
    }
}

/// API keys of all accounts.
pub struct ApiKeys {
    access: Arc<Access>,
    store: Store,
    recorder: Recorder,
    directory: Arc<Directory>,
}

impl ApiKeys {
    /// Keys in `store`, of the accounts in `directory`.
    pub(super) fn new(access: Arc<Access>, store: Store, recorder: Recorder, directory: Arc<Directory>) -> Self {
        Self { access, store, recorder, directory }
    }

    /// The keys of an account, the caller's own where none is named; those of others with `users:manage`.
    pub async fn list(&self, who: &Principal, user: Option<UserId>, page: PageRequest) -> Result<Page<ApiKey>> {
        let user = user.unwrap_or(who.user_id);
        if user != who.user_id {
            self.access.require(who, Permission::UsersManage, "key.list")?;
            self.directory.find(user).await?;
        }
        self.store.read(move |db| store::keys::list_of_user(db, user, &page)).await
    }

    /// Makes a key with at most the caller's own permissions.
    ///
    /// One made with a key has no more than that key, and ends with it. An account has at most 100, each with a name of
    /// its own (`Conflict`).
    pub async fn create(&self, who: &Principal, wanted: KeySpec) -> Result<NewKey> {
        if !who.has_account() {
            return Err(Error::Forbidden(
                "a key belongs to an account: make it as the one that Accounts::on_behalf_of gives".into(),
            ));
        }
        if let Credential::Token(_) = who.credential {
            // A key would outlive what its issuer allows.
            self.access.require_person(who, "key.create")?;
        }
        let KeySpec { name, permissions, expires_at } = checked(who, wanted)?;
        let secret = KeySecret::new()?;
        let key = ApiKey {
            id: KeyId::new(),
            user_id: who.user_id,
            name,
            prefix: secret.prefix(),
            hash: secret.hash(),
            permissions: permissions.or_else(|| inherited_limits(who)),
            created_at: Timestamp::now(),
            expires_at,
            last_used_at: None,
            parent_id: match who.credential {
                Credential::Key(id) => Some(id),
                Credential::Session(_) | Credential::Token(_) | Credential::Embedder => None,
            },
        };
        let entry = self.access.change(who, "key.create", key.id)?.with_detail(key.prefix.clone());
        let key = self.recorder.commit(Some(entry), move |db| insert(db, key)).await?;
        Ok(NewKey { key, secret: secret.0 })
    }

    /// Renames a key of the caller's. A key may rename itself, but no other.
    pub async fn rename(&self, who: &Principal, id: KeyId, name: &str) -> Result<ApiKey> {
        const ACTION: &str = "key.rename";
        self.require_person_or_key(who, id, ACTION)?;
        let name = name::validated(name).map_err(|fault| Error::invalid("/name", fault))?;
        let entry = self.access.change(who, ACTION, id)?.with_detail(name.clone());
        let user = who.user_id;
        let rename = move |db: &mut Connection| {
            let key = ApiKey { name, ..find(db, user, id)? };
            let others = keys_of(db, user)?.into_iter().filter(|other| other.id != id);
            require_unique_name(&key, others)?;
            store::keys::update(db, &key)?;
            Ok(key)
        };
        self.recorder.commit(Some(entry), rename).await
    }

    /// Gives a key of the caller's a new secret, and ends the former one, with the keys that were made with it. A key
    /// may rotate itself, but no other.
    pub async fn rotate(&self, who: &Principal, id: KeyId) -> Result<NewKey> {
        const ACTION: &str = "key.rotate";
        self.require_person_or_key(who, id, ACTION)?;
        let (user, secret) = (who.user_id, KeySecret::new()?);
        let (prefix, hash) = (secret.prefix(), secret.hash());
        let entry = self.access.change(who, ACTION, id)?.with_detail(prefix.clone());
        let rotate = move |db: &mut Connection| {
            let key = ApiKey { prefix, hash, ..find(db, user, id)? };
            store::keys::update(db, &key)?;
            store::keys::delete_made_with(db, id)?;
            Ok(key)
        };
        let directory = Arc::clone(&self.directory);
        let key = self.recorder.run_to_completion(async move {
            let key = directory.write_rights(user, Some(entry), rotate).await?;
            directory.observers().notify(|observer| observer.credential_ended(Credential::Key(id)));
            // Before the new secret is given out: all that is open was opened with the former one.
            directory.observers().replace_secret(user, id).await;
            Ok(key)
        });
        let key = key.await?;
        Ok(NewKey { key, secret: secret.0 })
    }

    /// Removes a key, and those made with it: one of the caller's, or of any account with `users:manage`. A key may
    /// remove itself, but no other of its owner's.
    pub async fn delete(&self, who: &Principal, id: KeyId) -> Result<()> {
        const ACTION: &str = "key.delete";
        let user = self.find_owner(who, id, ACTION).await?;
        if user == who.user_id {
            self.require_person_or_key(who, id, ACTION)?;
        }
        // Without a rate limit: a user whose key leaked must be able to end it, and each was made by a change.
        let entry = AuditEntry::by(who, ACTION, id, Outcome::Success);
        let delete = move |db: &mut Connection| match store::keys::delete(db, user, id)? {
            true => Ok(()),
            false => Err(Error::NotFound(Noun::Key)),
        };
        self.directory.change_rights(user, Some(entry), delete).await
    }

    /// The owner of a key that `who` may end: their own, or any with `users:manage`.
    async fn find_owner(&self, who: &Principal, id: KeyId, action: &str) -> Result<UserId> {
        let found = self.store.read(move |db| store::keys::find(db, id)).await?;
        let owner =
            found.map(|key| key.user_id).filter(|owner| *owner == who.user_id || who.may(Permission::UsersManage));
        let owner = owner.ok_or(Error::NotFound(Noun::Key))?;
        if owner != who.user_id {
            let role = self.directory.find(owner).await?.role;
            let permitted = require_for_roles(may_change_admins(who), &[role]);
            record_if_forbidden(&self.access, who, action, &id.to_string(), permitted)?;
        }
        Ok(owner)
    }

    /// `Forbidden` where the caller is neither a person nor this key itself.
    fn require_person_or_key(&self, who: &Principal, id: KeyId, action: &str) -> Result<()> {
        if who.credential == Credential::Key(id) { Ok(()) } else { self.access.require_person(who, action) }
    }
}

/// The text of a key.
struct KeySecret(String);

impl KeySecret {
    fn new() -> Result<Self> {
        Ok(Self(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))))
    }

    fn prefix(&self) -> String {
        self.0.chars().take(SHOWN_CHARACTERS).collect()
    }

    fn hash(&self) -> String {
        hex::encode(&fingerprint(&self.0))
    }
}

/// The key that `who` may make, its name as it is kept.
fn checked(who: &Principal, wanted: KeySpec) -> Result<KeySpec> {
    let KeySpec { name, permissions, expires_at } = wanted;
    let mut faults = Faults::default();
    let name = name::validated(&name);
    faults.check(name.is_ok(), "/name", name.as_ref().err().copied().unwrap_or_default());
    let is_empty = permissions.as_ref().is_some_and(|wanted| wanted.iter().next().is_none());
    faults.check(!is_empty, "/permissions", "must name a permission, or be left out");
    let held = permissions.as_ref().is_none_or(|wanted| covers(&who.permissions, wanted));
    faults.check(held, "/permissions", "must not name a permission you do not hold");
    let future = expires_at.is_none_or(|end| end > Timestamp::now());
    faults.check(future, "/expiresAt", "must be in the future");
    faults.into_result()?;
    Ok(KeySpec { name: name.unwrap_or_default(), permissions, expires_at })
}

/// The limits a new key inherits where it names none: those of the key it is made with.
fn inherited_limits(who: &Principal) -> Option<PermissionSet> {
    match who.credential {
        Credential::Key(_) | Credential::Token(_) => Some(who.permissions.clone()),
        Credential::Session(_) | Credential::Embedder => None,
    }
}

fn insert(db: &mut Connection, mut key: ApiKey) -> Result<ApiKey> {
    let all = keys_of(db, key.user_id)?;
    if all.len() >= usize::try_from(KEYS_PER_USER_MAX).unwrap_or(usize::MAX) {
        return Err(Error::Conflict(format!("an account has at most {KEYS_PER_USER_MAX} keys; remove one first")));
    }
    if let Some(id) = key.parent_id {
        let parent = all.iter().find(|key| key.id == id).ok_or(Error::NotFound(Noun::Key))?;
        key.expires_at = earlier(key.expires_at, parent.expires_at);
    }
    require_unique_name(&key, all)?;
    store::keys::insert(db, &key)?;
    Ok(key)
}

/// `Conflict` where another key of the account has the name of this one.
fn require_unique_name(key: &ApiKey, others: impl IntoIterator<Item = ApiKey>) -> Result<()> {
    if others.into_iter().any(|other| other.name == key.name) {
        return Err(Error::Conflict(
            "another key of this account has that name; choose another, or rename that one".into(),
        ));
    }
    Ok(())
}

fn keys_of(db: &mut Connection, user: UserId) -> Result<Vec<ApiKey>> {
    Ok(store::keys::list_of_user(db, user, &PageRequest { limit: KEYS_PER_USER_MAX, cursor: None })?.items)
}

fn find(db: &mut Connection, user: UserId, id: KeyId) -> Result<ApiKey> {
    store::keys::find(db, id)?.filter(|key| key.user_id == user).ok_or(Error::NotFound(Noun::Key))
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::credentials::embedder, model::Role, policy::permission::of_role};

    fn developer(credential: Credential) -> Principal {
        Principal {
            user_id: UserId::new(),
            role: Role::Developer,
            permissions: of_role(Role::Developer),
            credential,
            ..embedder()
        }
    }

    fn pointers(name: &str, permissions: &[Permission], expires_at: Option<Timestamp>) -> Vec<String> {
        let permissions = Some(permissions.iter().copied().collect());
        match checked(&developer(Credential::Embedder), KeySpec { name: name.into(), permissions, expires_at }) {
            Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn key_with_more_than_its_maker_holds_is_refused() {
        let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(pointers("", &[Permission::McpManage], past), ["/name", "/permissions", "/expiresAt"]);
        assert_eq!(pointers("ci", &[], None), ["/permissions"]);
    }

    #[test]
    fn key_made_with_a_key_inherits_its_limits_and_expiry() {
        assert_eq!(inherited_limits(&developer(Credential::Embedder)), None);
        let by_key = developer(Credential::Key(KeyId::new()));
        assert_eq!(inherited_limits(&by_key), Some(by_key.permissions));
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
            parent_id: None,
        };
        assert!(!format!("{:?}", NewKey { key, secret: "ostler_in_full".into() }).contains("in_full"));
    }
}
