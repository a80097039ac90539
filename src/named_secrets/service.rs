//! [`NamedSecrets`]: secrets of users, listed, set and removed by them.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use parking_lot::RwLock;

use crate::{
    access::Access,
    error::{Error, Faults, Noun, Result},
    model::{NamedSecret, Permission, Principal, SecretChange, Server, ServerId, Timestamp, UserId},
    named_secrets::{
        observer::SecretObserver,
        outside::{OutsideSecrets, Unavailable},
        resolved::Resolved,
        values::{self, KeptSecret, SecretValue, VALUE_BYTES_MAX, Values},
    },
    policy::{
        external::ExternalReference,
        permission, reference,
        secret_sources::SecretSources,
        value_template::{Found, Template, Templates},
    },
    recorder::Recorder,
    registry::Registry,
    secrets::Keyring,
    store::{self, user_secrets::StoredSecret},
    tasks::lifecycle::Lifecycle,
};

/// Secrets of one user.
const SECRETS_PER_USER_MAX: usize = 100;

/// Servers of others that one secret may be allowed for.
const SERVERS_MAX: usize = 100;

/// The name of a new or changed secret in the audit log.
const SET: &str = "secret.set";

/// Secrets of users by name, to set and to remove; nothing shows a value again.
pub struct NamedSecrets {
    access: Arc<Access>,
    registry: Arc<Registry>,
    lifecycle: Arc<Lifecycle>,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    values: RwLock<Values>,
    outside: OutsideSecrets,
    observer: OnceLock<Box<dyn SecretObserver>>,
    /// Held while one is changed.
    changing: tokio::sync::Mutex<()>,
}

impl NamedSecrets {
    /// No secrets yet, and no observer; those outside come from `sources`, but never from `own`, Ostler's own files and
    /// folders.
    pub(crate) fn new(
        access: Arc<Access>,
        registry: Arc<Registry>,
        lifecycle: Arc<Lifecycle>,
        recorder: Recorder,
        keyring: Arc<Keyring>,
        sources: SecretSources,
        own: Vec<PathBuf>,
    ) -> Self {
        let (values, observer) = (RwLock::default(), OnceLock::new());
        Self {
            outside: OutsideSecrets::new(sources, own),
            access,
            registry,
            lifecycle,
            recorder,
            keyring,
            values,
            observer,
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Registers the observer; only the first one counts.
    pub(crate) fn observe(&self, observer: impl SecretObserver + 'static) {
        // A second one would be a fault of assembly, and nothing a caller could mend.
        let _ = self.observer.set(Box::new(observer));
    }

    /// Takes over what is stored; true where that differs from what was in memory.
    pub(crate) fn load(&self, stored: Vec<StoredSecret>) -> Result<bool> {
        let loaded = Values::open(&self.keyring, stored)?;
        let mut values = self.values.write();
        let is_other = *values != loaded;
        *values = loaded;
        Ok(is_other)
    }

    /// Forgets the secrets of an account that is deleted in the database.
    pub(crate) fn forget_all(&self, user: UserId) {
        self.values.write().remove_all(user);
    }

    /// The configuration of a server as a process is started by it that is for `caller` alone, or for all callers.
    pub(crate) fn resolve(&self, server: &Server, caller: Option<UserId>) -> Resolved {
        Resolved::of(server, caller, &self.values.read())
    }

    /// The client secret of a remote server; `Conflict` where it refers to a secret that is missing.
    pub(crate) async fn client_secret(&self, server: &Server) -> Result<Option<String>> {
        let mut only = server.clone();
        only.config.env.clear();
        if let Some(remote) = &mut only.config.remote {
            remote.headers.clear();
        }
        let Resolved { config, missing, .. } = self.resolve(&only, None);
        if let Some(missing) = missing {
            return Err(Error::Conflict(missing));
        }
        let template = only.config.remote.and_then(|remote| {
            let values = self.values.read();
            Template::of(&remote.oauth.client_secret?, |name| values.find(server, None, name))
        });
        let Some(template) = template else { return Ok(config.remote.and_then(|remote| remote.oauth.client_secret)) };
        let found = self.outside.fetch(&[("oauth.clientSecret".to_owned(), &template)]).await;
        let secret = template.filled(&found.map_err(|why| Error::Conflict(why.reason))?);
        self.outside.note(server.id, [secret.clone()]);
        Ok(Some(secret))
    }

    /// The reason why a reference to a secret outside can lead to nothing for as long as Ostler runs.
    pub(crate) fn refusal(&self, reference: &ExternalReference) -> Option<String> {
        self.outside.refusal(reference)
    }

    /// Fetches the secrets outside that templates of a server refer to, which are among its values from now on.
    pub(crate) async fn fetch(&self, server: ServerId, templates: &Templates) -> Result<Found, Unavailable> {
        let places: Vec<_> = templates.places().collect();
        let found = self.outside.fetch(&places).await?;
        let values = places.iter().map(|(_, template)| template.filled(&found));
        self.outside.note(server, found.values().cloned().chain(values));
        Ok(found)
    }

    /// Forgets what was fetched for a server that is removed.
    pub(crate) fn forget_server(&self, server: ServerId) {
        self.outside.forget(server);
    }

    /// Every secret that a process of `server` may have, by itself and as part of a value.
    pub(crate) fn values_of(&self, server: &Server) -> Vec<String> {
        let values = self.values.read();
        let mut all = self.outside.noted(server.id);
        for user in values.users_of(server) {
            let found = reference::values(&server.config).flat_map(|value| reference::names(value));
            let found = found.filter_map(|name| values.find(server, Some(user), name));
            all.extend(found.map(ToOwned::to_owned));
            let resolved = Resolved::of(server, Some(user), &values).config;
            let pairs = reference::values(&server.config).zip(reference::values(&resolved));
            // What is still to be put together is none yet, and its references are to be read in reasons of failures.
            all.extend(pairs.filter(|(written, _)| !reference::is_external(written)).map(|(_, value)| value.clone()));
        }
        all
    }

    /// The caller's secrets, by name, without their values.
    pub fn list(&self, who: &Principal) -> Result<Vec<NamedSecret>> {
        self.access.require_any(who, permission::SEES, "secret.list")?;
        let values = self.values.read();
        Ok(values.of_user(who.user_id).map(|(name, secret)| self.listed(who.user_id, name, secret)).collect())
    }

    /// Sets a secret of the caller's, and has the processes replaced that had the former value; those that failed for
    /// want of it start. Returns it, and true where it is new.
    ///
    /// Without `mcp:write`, it takes a person with `mcp:execute`, whose own it can only be in processes for them alone.
    pub async fn set(
        self: &Arc<Self>,
        who: &Principal,
        name: &str,
        change: SecretChange,
    ) -> Result<(NamedSecret, bool)> {
        self.require_owner(who, SET)?;
        self.check(who, name, &change).into_result()?;
        let entry = self.access.change(who, SET, name)?;
        let (secrets, user, name) = (Arc::clone(self), who.user_id, name.to_owned());
        let work = async move {
            let _work = secrets.lifecycle.begin_work()?;
            let _change = secrets.lifecycle.begin_change().await;
            let _alone = secrets.changing.lock().await;
            let before = secrets.values.read().get(user, &name).cloned();
            let content = secrets.changed(user, before.as_ref(), change)?;
            let sealed = values::seal(&secrets.keyring, user, &name, &content)?;
            let secret = KeptSecret { content, changed_at: Timestamp::now() };
            let stored = StoredSecret { user_id: user, name: name.clone(), sealed, updated_at: secret.changed_at };
            secrets.recorder.write(Some(entry), move |db| store::user_secrets::put(db, &stored)).await?;
            let listed = secrets.listed(user, &name, &secret);
            secrets.values.write().put(user, name.clone(), secret);
            let is_new = before.is_none();
            secrets.notify(user, name, before).await;
            Ok((listed, is_new))
        };
        self.recorder.run_to_completion(work).await
    }

    /// Removes a secret of the caller's; processes that have it are ended, and say what is missing.
    pub async fn remove(self: &Arc<Self>, who: &Principal, name: &str) -> Result<()> {
        const ACTION: &str = "secret.delete";
        self.require_owner(who, ACTION)?;
        let entry = self.access.change(who, ACTION, name)?;
        let (secrets, user, name) = (Arc::clone(self), who.user_id, name.to_owned());
        let work = async move {
            let _work = secrets.lifecycle.begin_work()?;
            let _change = secrets.lifecycle.begin_change().await;
            let _alone = secrets.changing.lock().await;
            let key = name.clone();
            let delete = move |db: &mut store::Connection| match store::user_secrets::delete(db, user, &key)? {
                true => Ok(()),
                false => Err(Error::NotFound(Noun::Secret)),
            };
            secrets.recorder.write(Some(entry), delete).await?;
            let before = secrets.values.write().remove(user, &name);
            secrets.notify(user, name, before).await;
            Ok(())
        };
        self.recorder.run_to_completion(work).await
    }

    /// `Forbidden` for callers that may not change secrets. With another value, a key that may only execute could have
    /// servers act for another account elsewhere.
    fn require_owner(&self, who: &Principal, action: &str) -> Result<()> {
        if !who.has_account() {
            return Err(Error::Forbidden(
                "a secret belongs to an account: set it as the one that Accounts::on_behalf_of gives".into(),
            ));
        }
        if permission::holds_any(&who.permissions, permission::WRITES) {
            return Ok(());
        }
        self.access.require(who, Permission::McpExecute, action)?;
        self.access.require_person(who, action)
    }

    fn check(&self, who: &Principal, name: &str, SecretChange { value, servers }: &SecretChange) -> Faults {
        let mut faults = Faults::default();
        faults.check(reference::is_name(name), "name", reference::NAME_RULE);
        let fits = value.as_ref().is_none_or(|value| (1..=VALUE_BYTES_MAX).contains(&value.len()));
        faults.check(fits, "/value", "must be 1 byte to 32 KiB");
        let has_nul = value.as_ref().is_some_and(|value| value.contains('\0'));
        faults.check(!has_nul, "/value", "must not contain U+0000");
        let servers = servers.as_deref().unwrap_or_default();
        faults.check(servers.len() <= SERVERS_MAX, "/servers", "must be at most 100 servers");
        for (index, id) in servers.iter().enumerate().take(SERVERS_MAX) {
            let is_seen = self.registry.get(*id).is_some_and(|server| server.allows(who, permission::SEES));
            faults.check(is_seen, format!("/servers/{index}"), "must be the id of a server that is shared with you");
        }
        faults
    }

    /// The content that a change makes of a secret.
    fn changed(&self, user: UserId, before: Option<&KeptSecret>, change: SecretChange) -> Result<SecretValue> {
        let before = before.map(|secret| &secret.content);
        let is_full = before.is_none() && self.values.read().of_user(user).count() >= SECRETS_PER_USER_MAX;
        if is_full {
            let why = format!("an account has at most {SECRETS_PER_USER_MAX} secrets; remove one first");
            return Err(Error::Conflict(why));
        }
        let value = change.value.or_else(|| before.map(|before| before.value.clone()));
        let value =
            value.ok_or_else(|| Error::invalid("/value", "must be given: there is no secret of this name yet"))?;
        let servers = change.servers.map(|ids| ids.into_iter().collect());
        let servers = servers.or_else(|| before.map(|before| before.servers.clone())).unwrap_or_default();
        Ok(SecretValue { value, servers })
    }

    fn listed(&self, user: UserId, name: &str, secret: &KeptSecret) -> NamedSecret {
        let all = self.registry.all();
        let servers: Vec<ServerId> = secret.content.servers.iter().copied().filter(|id| all.contains_key(id)).collect();
        let uses = |server: &Server| {
            (server.user_id == user || servers.contains(&server.id)) && reference::refers_to(&server.config, name)
        };
        let used_by = all.values().filter(|one| uses(&one.server.load())).map(|one| one.id).collect();
        NamedSecret { name: name.to_owned(), changed_at: secret.changed_at, servers, used_by }
    }

    async fn notify(&self, user: UserId, name: String, before: Option<KeptSecret>) {
        if let Some(observer) = self.observer.get() {
            observer.secret_changed(user, name, before.map(|secret| secret.content.value)).await;
        }
    }
}
