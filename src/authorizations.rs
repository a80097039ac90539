//! Ostler as an OAuth 2.1 client of remote servers (MCP specification, basic/authorization).
//!
//! `discovery` finds the authorization server of a server and registers Ostler there, a person consents in a browser,
//! `token_endpoint` exchanges the code for tokens, `oauth_client` stores them, `token_source` supplies and renews them.
//!
//! A remote server that answers 401 ends its actor with `Exit::Unauthorized`, and nothing is tried until a person has
//! consented. All processes of a server share one `ServerAuthorization`; of those that need a token at the same time,
//! one renews it. Decisions about challenges, scopes, places and issuers are in `policy/consent`.

mod client_urls;
mod discovery;
mod oauth_client;
mod request;
mod server_authorization;
mod stored;
mod token_endpoint;
mod token_source;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

use crate::{
    access::Access,
    error::{Error, Result},
    model::{AuditEntry, Authorization, Outcome, Principal, Remote, ServerId, Timestamp},
    policy::{consent, permission, remote::path},
    registry::Registered,
    revocation::{RequiredRight, Revocation},
    supervisor::remote::Authority,
    tasks::lifecycle::Lifecycle,
};

use request::{CONSENT_TIMEOUT, PendingRequest, RequestInputs, parameter};
use server_authorization::{AuthorizationState, ServerAuthorization};
use stored::{ClientRegistration, Grant, StoredAuthorization, is_client_unknown};
use token_source::TokenSource;

use client_urls::BrowserUrls;
pub(crate) use client_urls::{ClientMetadata, ClientUrls};
pub(crate) use oauth_client::OAuthClient;

/// Options of an authorization request.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationOptions {
    /// Host by which the request reached Ostler, such as `localhost:3010`, and the path of the scope that its routes
    /// are in; used where no public URL is configured.
    pub host: Option<String>,
    /// Client id, where a person registered Ostler with the authorization server.
    pub client_id: Option<String>,
    /// Client secret that belongs to it. Never shown again.
    pub client_secret: Option<String>,
}

/// Asks a person to consent in a browser.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsentPrompt {
    /// URL to open in the browser.
    pub authorization_url: String,
    /// Issuer of the authorization server.
    pub issuer: String,
    /// Requested scopes.
    pub scopes: Vec<String>,
    /// End of the time to consent.
    pub expires_at: Timestamp,
}

/// A consent that is asked for, as the person sees it before they are sent to the authorization server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsentRequest {
    /// Address of the account that asks for it.
    pub requester: String,
    /// Name of the server.
    pub server: String,
    /// URL of the server.
    pub url: String,
    /// Audience of the tokens, where that is not the server.
    pub resource: Option<String>,
    /// Issuer of the authorization server.
    pub issuer: String,
    /// Requested scopes.
    pub scopes: Vec<String>,
    /// URL at which the person consents.
    pub authorization_url: String,
    /// Name and value of the cookie that the browser must come back with.
    pub cookie: (String, String),
    /// Path at which browsers come back.
    pub callback_path: String,
    /// True when browsers reach Ostler over https only.
    pub is_encrypted: bool,
}

/// Hears of servers that may be used from now on.
pub(crate) trait AuthorizationObserver: Send + Sync {
    /// A person consented to the use of `server`, and its tokens are stored. Must not block.
    fn authorized(&self, server: ServerId);
}

/// Authorizations of remote servers: requested, completed, stored, renewed.
pub struct Authorizations {
    client: Arc<OAuthClient>,
    urls: ClientUrls,
    access: Arc<Access>,
    lifecycle: Arc<Lifecycle>,
    revocation: Arc<Revocation>,
    servers: Mutex<HashMap<ServerId, Arc<ServerAuthorization>>>,
    observer: OnceLock<Box<dyn AuthorizationObserver>>,
}

impl Authorizations {
    /// No server authorized yet, and no observer.
    pub(crate) fn new(
        client: OAuthClient,
        urls: ClientUrls,
        access: Arc<Access>,
        lifecycle: Arc<Lifecycle>,
        revocation: Arc<Revocation>,
    ) -> Self {
        Self {
            client: Arc::new(client),
            urls,
            access,
            lifecycle,
            revocation,
            servers: Mutex::default(),
            observer: OnceLock::new(),
        }
    }

    /// Registers the observer; only the first one counts.
    pub(crate) fn observe(&self, observer: impl AuthorizationObserver + 'static) {
        // A second one would be a fault of assembly, and nothing a caller could mend.
        let _ = self.observer.set(Box::new(observer));
    }

    /// Begins the authorization of a remote server: discovers its authorization server, and returns where to consent,
    /// and to what. Consent is possible for ten minutes; an earlier request is void.
    pub async fn begin(&self, who: &Principal, id: ServerId, options: AuthorizationOptions) -> Result<ConsentPrompt> {
        const ACTION: &str = "server.authorize";
        let registered = self.client.registry.reach(who, id, permission::WRITES, ACTION)?;
        let _work = self.lifecycle.begin_work()?;
        if options.client_id.is_none() && options.client_secret.is_some() {
            return Err(Error::invalid("/clientSecret", "must not be given without a clientId"));
        }
        let Remote { url, mut oauth, .. } = remote(&registered)?;
        oauth.client_secret = self.client.secrets.client_secret(&registered.server.load_full()).await?;
        let BrowserUrls { redirect_uri, consent_page } = self.urls.for_browsers(options.host.as_deref())?;
        self.client.recorder.commit_entry(self.access.change(who, ACTION, id)?).await?;
        let authorization = self.of(id);
        let (stored, challenge, unanswered_client) = {
            let state = authorization.state();
            let unanswered = state.pending.as_ref().map(|pending| pending.request.client.id.clone());
            (state.stored.clone(), state.challenge_of(&url).cloned().unwrap_or_default(), unanswered)
        };
        let inputs = RequestInputs {
            url,
            redirect_uri,
            preregistered: options.client_id.map(|id| (id, options.client_secret)),
            given: oauth,
            metadata_url: self.urls.metadata().map(|metadata| metadata.client_id),
            stored,
            unanswered_client,
            challenge,
        };
        let prepared = self.client.send(move |reachable| request::prepare(inputs, reachable)).await;
        let request = prepared.map_err(|why| Error::ServerUnavailable(format!("it cannot be authorized: {why}")))?;
        let stored = {
            let mut state = authorization.state();
            state.stored.clients.insert(request.issuer.clone(), request.client.clone());
            state.stored.clone()
        };
        self.client.store(id, &stored).await?;
        let (pending, carried) = PendingRequest::new(request, who.clone(), &self.client.keyring, id)?;
        let prompt = ConsentPrompt {
            authorization_url: format!("{consent_page}?state={carried}"),
            issuer: pending.request.issuer.clone(),
            scopes: pending.request.scopes.clone(),
            expires_at: Timestamp::now().plus(CONSENT_TIMEOUT),
        };
        authorization.state().pending = Some(pending);
        Ok(prompt)
    }

    /// The pending request of this `state`, for the browser that is to be sent to the authorization server.
    pub fn consent_request(&self, state: &str) -> Result<ConsentRequest> {
        let (id, nonce) = request::open_state(&self.client.keyring, state)?;
        let registered = self.client.registry.get(id).ok_or_else(request::unknown_state)?;
        let authorization = self.of(id);
        let locked = authorization.state();
        let pending = locked.pending.as_ref().filter(|pending| pending.is_pending(&nonce));
        let pending = pending.ok_or_else(request::unknown_state)?;
        let asked = &pending.request;
        // The person must read where the tokens go; a server that moved meanwhile is authorized again.
        if remote(&registered)?.url != asked.url {
            return Err(request::unknown_state());
        }
        let is_for_server = asked.resource.is_empty() || consent::is_for(&asked.resource, &asked.url);
        Ok(ConsentRequest {
            requester: pending.who.email.clone(),
            server: registered.server.load().config.name.clone(),
            url: asked.url.clone(),
            resource: (!is_for_server).then(|| asked.resource.clone()),
            issuer: asked.issuer.clone(),
            scopes: asked.scopes.clone(),
            authorization_url: pending.authorization_url(state),
            cookie: (request::cookie_name(id), pending.browser_secret.clone()),
            callback_path: path(&asked.redirect_uri),
            is_encrypted: asked.redirect_uri.starts_with("https://"),
        })
    }

    /// Completes an authorization with the query of the redirect back to Ostler and the browser's cookies: exchanges
    /// the code for tokens, and notifies the observer. Returns the server's name. `Malformed` where no request is
    /// pending of a caller who may still make it, or another browser comes than the one that went on from its page.
    pub async fn complete(
        self: &Arc<Self>,
        query: &[(String, String)],
        cookies: &[(String, String)],
    ) -> Result<String> {
        let carried = parameter(query, "state").unwrap_or_default();
        let (id, nonce) = request::open_state(&self.client.keyring, carried)?;
        let registered = self.client.registry.get(id).ok_or_else(request::unknown_state)?;
        let work = self.lifecycle.begin_work()?;
        let authorization = self.of(id);
        let pending = {
            let secret = parameter(cookies, &request::cookie_name(id));
            let mut state = authorization.state();
            let pending = state.pending.as_ref().filter(|pending| pending.is_pending(&nonce));
            if !pending.ok_or_else(request::unknown_state)?.is_of_browser(secret) {
                return Err(request::other_browser());
            }
            state.pending.take().ok_or_else(request::unknown_state)?
        };
        let who = pending.who.clone();
        let right = RequiredRight::Server(id, permission::WRITES);
        self.revocation.require_still(&who, right).await.map_err(|_| request::unknown_state())?;
        let entry = self.access.change(&who, "server.consent", id)?;
        let grant = self.redeem(pending, &authorization, query).await;
        let outcome = if grant.is_ok() { Outcome::Success } else { Outcome::Failure };
        let entry = AuditEntry { outcome, ..entry };
        let authorizations = self.clone();
        // The code can be exchanged only once.
        self.client
            .recorder
            .run_to_completion(async move {
                let _work = work;
                authorizations.client.recorder.audit(entry).await?;
                authorizations.accept(&registered, &authorization, grant?).await?;
                Ok(registered.server.load().config.name.clone())
            })
            .await
    }

    /// Forgets the tokens of a server, and the client registrations with its authorization servers.
    pub async fn forget(self: &Arc<Self>, who: &Principal, id: ServerId) -> Result<()> {
        const ACTION: &str = "server.unauthorize";
        self.client.registry.reach(who, id, permission::WRITES, ACTION)?;
        let work = self.lifecycle.begin_work()?;
        let entry = self.access.change(who, ACTION, id)?;
        let authorizations = self.clone();
        self.client
            .recorder
            .run_to_completion(async move {
                let _work = work;
                authorizations.client.recorder.audit(entry).await?;
                *authorizations.of(id).state() = AuthorizationState::default();
                authorizations.client.write(id, &StoredAuthorization::default()).await
            })
            .await
    }

    /// Ostler's client metadata document; `None` where no URL is configured from which it could be read.
    #[must_use]
    pub fn client_metadata(&self) -> Option<ClientMetadata> {
        self.urls.metadata()
    }

    /// The URL by which browsers reach Ostler, where one is configured.
    pub(crate) fn public_url(&self) -> Option<&str> {
        self.urls.public_url()
    }

    /// Tokens for the connection to a server at `url`.
    pub(crate) fn authority(&self, id: ServerId, url: &str) -> Authority {
        let client = Arc::downgrade(&self.client);
        Authority::of(TokenSource { client, authorization: self.of(id), url: url.to_owned() })
    }

    /// State of the authorization of a server at `url`; `None` where it never required one.
    pub(crate) fn status(&self, id: ServerId, url: &str) -> Option<Authorization> {
        let authorization = self.servers.lock().get(&id).cloned()?;
        authorization.status(url)
    }

    /// Takes over authorizations that earlier runs stored. A server whose authorization cannot be read has to be
    /// authorized again.
    pub(crate) fn load(&self, stored: Vec<(ServerId, String)>) {
        for (id, sealed) in stored {
            match self.client.open(id, &sealed) {
                Some(stored) => self.of(id).state().stored = stored,
                None => log::warn!(server:% = id; "a stored consent cannot be read"),
            }
        }
    }

    /// Drops the state of a server that is removed.
    pub(crate) fn remove(&self, id: ServerId) {
        self.servers.lock().remove(&id);
    }

    fn of(&self, id: ServerId) -> Arc<ServerAuthorization> {
        let mut servers = self.servers.lock();
        servers.entry(id).or_insert_with(|| Arc::new(ServerAuthorization::new(id))).clone()
    }

    /// Takes the tokens of a server into use, stores them and calls the observer.
    async fn accept(&self, registered: &Registered, authorization: &ServerAuthorization, grant: Grant) -> Result<()> {
        let id = registered.id;
        if grant.url != remote(registered)?.url {
            return Err(Error::Conflict("the server has moved since; authorize it again".into()));
        }
        let stored = {
            let mut state = authorization.state();
            state.stored.grant = Some(grant);
            state.challenge = None;
            state.renewal_pauses_until = None;
            state.stored.clone()
        };
        self.client.write(id, &stored).await?;
        if let Some(observer) = self.observer.get() {
            observer.authorized(id);
        }
        Ok(())
    }

    async fn redeem(
        &self,
        pending: PendingRequest,
        authorization: &ServerAuthorization,
        query: &[(String, String)],
    ) -> Result<Grant> {
        let (issuer, client) = (pending.request.issuer.clone(), pending.request.client.clone());
        let refused = parameter(query, "error").map(str::to_owned);
        let granted = match pending.code(query) {
            Ok(code) => {
                self.client.send(move |reachable| async move { Ok(pending.redeem(&code, reachable).await) }).await
            }
            Err(why) => {
                if refused.as_deref().is_some_and(is_client_unknown) {
                    self.forget_client(authorization, &issuer, &client).await?;
                }
                return Err(why);
            }
        };
        let unavailable = |why| Error::ServerUnavailable(format!("no token was given: {why}"));
        match granted.map_err(unavailable)? {
            Ok(grant) => Ok(grant),
            Err(fault) if fault.code.as_deref().is_some_and(is_client_unknown) => {
                self.forget_client(authorization, &issuer, &client).await?;
                Err(unavailable(format!("{}; authorize the server again, which registers Ostler again", fault.text)))
            }
            Err(fault) => Err(unavailable(fault.text)),
        }
    }

    /// Forgets a registration that the authorization server does not know.
    async fn forget_client(
        &self,
        authorization: &ServerAuthorization,
        issuer: &str,
        client: &ClientRegistration,
    ) -> Result<()> {
        let stored = {
            let mut state = authorization.state();
            state.stored.forget_client(issuer, client);
            state.stored.clone()
        };
        self.client.store(authorization.id, &stored).await
    }
}

/// The remote server as its owner describes it; `Conflict` for a program of this machine.
fn remote(registered: &Registered) -> Result<Remote> {
    let server = registered.server.load();
    let local = || Error::Conflict("the server is a program of this machine, which wants no authorization".into());
    server.config.remote.clone().ok_or_else(local)
}
