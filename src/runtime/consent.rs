//! Consent to the use of remote servers (Ostler as an OAuth 2.1 client; specification, basic/authorization).
//!
//! `discovery` finds who makes tokens for a server and introduces Ostler there, somebody consents in a browser, `exchange`
//! gets the tokens, `kept` keeps them, and `tokens` gives them to the connection and renews them.

mod discovery;
mod exchange;
mod kept;
mod pending;
mod tokens;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::{
    error::{Error, Result},
    model::{AuditEntry, Authorization, Outcome, Principal, ServerId, Timestamp},
    outbound::Reachable,
    policy::{consent::Challenge, issuer, permission},
    registry::Registered,
    revocation::RequiredRight,
    runtime::Runtime,
    supervisor::{messages::StartServer, remote::Authority},
};

use kept::{Grant, Kept};
use pending::Pending;

/// Where browsers come back to, below where they reach Ostler.
const CALLBACK: &str = "/oauth/callback";

/// Where authorization servers may read who Ostler is.
const DOCUMENT: &str = "/oauth/client.json";

/// How to ask for consent.
#[derive(Clone, Debug, Default)]
pub struct Authorize {
    /// Where the request reached Ostler, such as `localhost:3010`; for where no public URL is configured.
    pub host: Option<String>,
    /// What Ostler is to the authorization server, where somebody registered it there.
    pub client_id: Option<String>,
    /// The secret that came with it. Never shown again.
    pub client_secret: Option<String>,
}

/// What a person has to do now.
#[derive(Clone, Debug)]
pub struct Consenting {
    /// Where to consent, in a browser.
    pub authorization_url: String,
    /// Who asks for it.
    pub issuer: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Who Ostler is to authorization servers that read it at its URL.
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    /// That URL.
    pub client_id: String,
    /// Where browsers come back to.
    pub redirect_uri: String,
}

/// The consents of all servers.
#[derive(Default)]
pub(super) struct Consents(Mutex<HashMap<ServerId, Arc<Consent>>>);

impl Consents {
    /// That of one server, which may be none yet.
    pub fn of(&self, id: ServerId) -> Arc<Consent> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id).or_insert_with(|| Arc::new(Consent::new(id))).clone()
    }

    pub fn remove(&self, id: ServerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// What one server was consented to, and what it wants.
pub(super) struct Consent {
    id: ServerId,
    state: Mutex<State>,
    /// Held while a token is renewed.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    kept: Kept,
    /// What the server wanted last, and where it was then; `None` once that was consented to.
    challenge: Option<(String, Challenge)>,
    pending: Option<Pending>,
    /// Until when nobody tries to renew the token.
    rests_until: Option<Instant>,
}

impl State {
    /// What a server at `url` wants.
    fn challenge_of(&self, url: &str) -> Option<&Challenge> {
        self.challenge.as_ref().filter(|(place, _)| place == url).map(|(_, challenge)| challenge)
    }
}

impl Consent {
    pub(super) fn new(id: ServerId) -> Self {
        Self { id, state: Mutex::default(), renewing: tokio::sync::Mutex::default() }
    }

    /// What is known of the authorization of the server, which is at `url`; `None` where it never wanted any.
    pub(super) fn authorization(&self, url: &str) -> Option<Authorization> {
        let state = self.state();
        let grant = state.kept.grant.as_ref().filter(|grant| grant.url == url);
        let challenge = state.challenge_of(url);
        (grant.is_some() || challenge.is_some()).then(|| Authorization {
            is_wanted: challenge.is_some(),
            wanted_scopes: challenge.map(|challenge| challenge.scopes.clone()).unwrap_or_default(),
            issuer: grant.map(|grant| grant.issuer.clone()),
            scopes: grant.map(|grant| grant.scopes.clone()).unwrap_or_default(),
            expires_at: grant.and_then(|grant| grant.ends),
            is_renewable: grant.is_some_and(|grant| grant.refresh.is_some()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Finds out where somebody has to consent to the use of a remote server, and for what. The consent has ten minutes;
    /// one that was begun before is void.
    pub async fn authorize(&self, who: &Principal, id: ServerId, asked: Authorize) -> Result<Consenting> {
        const ACTION: &str = "server.authorize";
        let registered = self.inner.registry.reach(who, id, permission::WRITES, ACTION)?;
        let _work = self.inner.lifecycle.begin_work()?;
        if asked.client_id.is_none() && asked.client_secret.is_some() {
            return Err(Error::invalid("/clientSecret", "must not be given without a clientId"));
        }
        let url = address(&registered)?;
        let redirect = self.callback(asked.host.as_deref())?;
        self.inner.recorder.commit_entry(self.inner.access.change(who, ACTION, id)?).await?;
        let consent = self.inner.consents.of(id);
        let (kept, challenge) = {
            let state = consent.state();
            (state.kept.clone(), state.challenge_of(&url).cloned().unwrap_or_default())
        };
        let question = pending::Question {
            url,
            redirect,
            given: asked.client_id.map(|id| (id, asked.client_secret)),
            document: self.client_metadata().map(|metadata| metadata.client_id),
            kept,
            challenge,
            reach: self.reachable(),
        };
        let asked = self.on_arbiter(move || pending::ask(question)).await;
        let asked = asked.map_err(|why| Error::ServerUnavailable(format!("it cannot be authorized: {why}")))?;
        let kept = {
            let mut state = consent.state();
            state.kept.clients.insert(asked.issuer.clone(), asked.client.clone());
            state.kept.clone()
        };
        self.keep_consent(id, &kept).await?;
        let (pending, state) = asked.begun(who.clone(), &self.inner.keyring, id)?;
        let consenting = Consenting {
            authorization_url: pending.place(&state),
            issuer: pending.asked.issuer.clone(),
            scopes: pending.asked.scopes.clone(),
            expires_at: Timestamp::now().plus(pending::PATIENCE),
        };
        consent.state().pending = Some(pending);
        Ok(consenting)
    }

    /// Takes what a browser brought back from the authorization server, gets the tokens, and starts the server; answers
    /// with its name. `Malformed` where nobody asked for it who still may, or it is somebody else's.
    pub async fn consented(&self, query: &[(String, String)]) -> Result<String> {
        let (id, nonce) = pending::open_state(&self.inner.keyring, value(query, "state").unwrap_or_default())?;
        let registered = self.inner.registry.get(id).ok_or_else(pending::unknown)?;
        let _work = self.inner.lifecycle.begin_work()?;
        let consent = self.inner.consents.of(id);
        let pending = consent.state().pending.take_if(|pending| pending.nonce == nonce);
        let pending = pending.filter(|pending| Instant::now() < pending.until).ok_or_else(pending::unknown)?;
        let who = pending.who.clone();
        self.inner
            .revocation
            .require_still(&who, RequiredRight::Server(id, permission::WRITES))
            .await
            .map_err(|_| pending::unknown())?;
        let entry = self.inner.access.change(&who, "server.consent", id)?;
        let grant = self.grant(pending, query).await;
        let outcome = if grant.is_ok() { Outcome::Success } else { Outcome::Failure };
        self.inner.recorder.commit_entry(AuditEntry { outcome, ..entry }).await?;
        let grant = grant?;
        if grant.url != address(&registered)? {
            return Err(Error::Conflict("the server has moved since; authorize it again".into()));
        }
        let kept = {
            let mut state = consent.state();
            state.kept.grant = Some(grant);
            state.challenge = None;
            state.rests_until = None;
            state.kept.clone()
        };
        self.keep_consent(id, &kept).await?;
        let runtime = self.clone();
        // Whoever consented need not wait for it.
        tokio::spawn(async move {
            let _ = runtime.inner.supervision.ask(StartServer { id }).await;
            runtime.renew_leases_of(id).await
        });
        Ok(registered.server.load().config.name.clone())
    }

    /// Forgets what was consented to for a server, and what Ostler is to its authorization servers.
    pub async fn forget_consent(&self, who: &Principal, id: ServerId) -> Result<()> {
        const ACTION: &str = "server.unauthorize";
        self.inner.registry.reach(who, id, permission::WRITES, ACTION)?;
        let _work = self.inner.lifecycle.begin_work()?;
        self.inner.recorder.commit_entry(self.inner.access.change(who, ACTION, id)?).await?;
        *self.inner.consents.of(id).state() = State::default();
        self.keep_consent(id, &Kept::default()).await
    }

    /// Who Ostler is to authorization servers that read it; `None` where nothing says by which URL they could.
    #[must_use]
    pub fn client_metadata(&self) -> Option<ClientMetadata> {
        let settings = &self.inner.settings.oauth;
        let public = settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
        let own = public.filter(|url| url.starts_with("https://")).map(|url| format!("{url}{DOCUMENT}"));
        let client_id = settings.client_metadata_url.clone().or(own)?;
        Some(ClientMetadata { client_id, redirect_uri: format!("{}{CALLBACK}", public.unwrap_or_default()) })
    }

    /// The tokens that a server at `url` is sent.
    pub(super) fn authority(&self, id: ServerId, url: &str) -> Authority {
        let (runtime, consent) = (Arc::downgrade(&self.inner), self.inner.consents.of(id));
        Authority::of(tokens::Upstream { runtime, consent, url: url.to_owned() })
    }

    /// Where authorization servers may be: where remote servers may.
    fn reachable(&self) -> Reachable {
        if self.inner.settings.private_addresses { Reachable::Any } else { Reachable::Public }
    }

    /// Where browsers come back to: the public URL, or where this very request went, if that is on this machine.
    fn callback(&self, host: Option<&str>) -> Result<String> {
        let public = self.inner.settings.oauth.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        let base = public.or_else(|| host.map(|host| format!("http://{host}")));
        let base = base.filter(|base| issuer::is_safe(base)).ok_or_else(|| {
            Error::Conflict("set OSTLER_PUBLIC_URL, to which browsers can come back from consenting".into())
        })?;
        Ok(format!("{base}{CALLBACK}"))
    }

    async fn grant(&self, pending: Pending, query: &[(String, String)]) -> Result<Grant> {
        let code = pending.code(query)?;
        let reach = self.reachable();
        let granted = self.on_arbiter(move || async move { Ok(pending.redeem(&code, reach).await?) }).await;
        granted.map_err(|why: String| Error::ServerUnavailable(format!("no token was given: {why}")))
    }

    /// Runs what may not leave its thread on an arbiter.
    async fn on_arbiter<T: Send + 'static, F>(
        &self,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> std::result::Result<T, String>
    where
        F: Future<Output = std::result::Result<T, String>> + 'static,
    {
        let timed = move || async move {
            let late = |_| Err(format!("no answer within {} s", pending::LONGEST.as_secs()));
            tokio::time::timeout(pending::LONGEST, work()).await.unwrap_or_else(late)
        };
        self.inner.arbiters.run(timed).await
    }
}

/// Where a server is that is no program of this machine.
fn address(registered: &Registered) -> Result<String> {
    let server = registered.server.load();
    let remote = server.config.remote.as_ref();
    let refused = || Error::Conflict("the server is a program of this machine, which wants no authorization".into());
    remote.map(|remote| remote.url.clone()).ok_or_else(refused)
}

/// The value of a parameter.
fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}
