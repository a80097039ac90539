//! Authorization requests: prepared, carried by a browser, checked when it returns (RFC 6749, section 4.1; RFC 7636).

use std::time::Duration;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    authorizations::{
        discovery::{self, Discovery},
        stored::{ClientRegistration, Grant, StoredAuthorization},
        token_endpoint::{self, CodeExchange, IssuedTokens},
    },
    error::{Error, Result},
    model::{Principal, RemoteOAuth, ServerId, Timestamp},
    outbound::{FetchError, Reachable},
    policy::consent::{self, Challenge},
    secrets::{Keyring, random},
};

/// Time that a person has to consent.
pub(super) const CONSENT_TIMEOUT: Duration = Duration::from_secs(600);

/// Purpose that the state is sealed for, so that nothing else that clients carry can stand in for it.
const STATE_PURPOSE: &str = "consent";

/// Characters of an `error` that are passed on: it comes from elsewhere, and is only to be recognized.
const ERROR_CHARACTERS_MAX: usize = 64;

/// Inputs of an authorization request.
pub(super) struct RequestInputs {
    /// The server's URL.
    pub url: String,
    pub redirect_uri: String,
    /// Id and secret of a client that a person registered.
    pub preregistered: Option<(String, Option<String>)>,
    /// Parts of the server's OAuth that are given.
    pub given: RemoteOAuth,
    /// URL of Ostler's client metadata document.
    pub metadata_url: Option<String>,
    pub stored: StoredAuthorization,
    /// Id of the client of an earlier request that never came back.
    pub unanswered_client: Option<String>,
    pub challenge: Challenge,
}

/// An authorization request.
pub(super) struct AuthorizationRequest {
    pub issuer: String,
    pub client: ClientRegistration,
    pub scopes: Vec<String>,
    pub url: String,
    pub redirect_uri: String,
    pub resource: String,
    authorization_endpoint: String,
    token_endpoint: String,
    is_iss_promised: bool,
}

/// A request whose response is awaited.
pub(super) struct PendingRequest {
    pub request: AuthorizationRequest,
    pub who: Principal,
    nonce: String,
    pub expires_at: Instant,
    /// Secret of the browser that opened the consent page, which its response must come from.
    pub browser_secret: String,
    verifier: String,
}

/// The `state` that a browser carries.
#[derive(Serialize, Deserialize)]
struct CarriedState {
    server: ServerId,
    nonce: String,
}

/// Discovers the authorization server, registers Ostler where need be, and chooses scopes. Only for arbiters' threads.
pub(super) async fn prepare(inputs: RequestInputs, reachable: Reachable) -> Result<AuthorizationRequest, String> {
    let RequestInputs { url, redirect_uri, preregistered, given, metadata_url, stored, unanswered_client, challenge } =
        inputs;
    let Discovery { resource, scopes, metadata } = discovery::discover(&url, &challenge, &given, reachable).await?;
    // The secret of an issuer goes to no endpoint but that of its metadata.
    let is_redirected = given.token_endpoint.is_some();
    let granted = stored.grant.filter(|grant| grant.url == url && grant.issuer == metadata.issuer);
    let granted = granted.map(|grant| grant.scopes).unwrap_or_default();
    let scopes = given.scopes.unwrap_or_else(|| consent::scopes(&challenge, &scopes, &granted, metadata.scopes()));
    let preregistered = preregistered.or_else(|| given.client_id.map(|id| (id, given.client_secret)));
    let known = stored.clients.get(&metadata.issuer);
    let fits = |client: &&ClientRegistration| {
        // An authorization server that forgot a client says so to the person alone, who never comes back.
        let is_forgotten = client.redirect_uri.is_some() && unanswered_client.as_ref() == Some(&client.id);
        let is_safe = !is_redirected || client.secret.is_none();
        client.serves(&redirect_uri, Timestamp::now()) && !is_forgotten && is_safe
    };
    let client = match (preregistered, known.filter(fits)) {
        (Some((id, secret)), _) => metadata.preregistered(id, secret),
        (None, Some(known)) => known.clone(),
        (None, None) => metadata.register(metadata_url, &redirect_uri, &scopes, reachable).await?,
    };
    Ok(AuthorizationRequest {
        url,
        redirect_uri,
        issuer: metadata.issuer,
        client,
        scopes,
        resource,
        authorization_endpoint: metadata.authorization_endpoint,
        token_endpoint: metadata.token_endpoint,
        is_iss_promised: metadata.authorization_response_iss_parameter_supported,
    })
}

/// Opens a `state`: the server that it is about, and the request's nonce.
pub(super) fn open_state(keyring: &Keyring, sealed: &str) -> Result<(ServerId, String)> {
    let opened = keyring.open_carried(STATE_PURPOSE, sealed).ok_or_else(unknown_state)?;
    let CarriedState { server, nonce } = serde_json::from_slice(&opened).map_err(|_| unknown_state())?;
    Ok((server, nonce))
}

/// The error for a `state` of no pending request.
pub(super) fn unknown_state() -> Error {
    Error::Malformed("state: no authorization is pending for it, or no longer; authorize the server again".into())
}

/// The error for a browser that did not open the consent page.
pub(super) fn other_browser() -> Error {
    let text = "state: this browser did not open Ostler's page for this consent; open it, and go on from there";
    Error::Malformed(text.into())
}

/// The name of the cookie for a browser that consents to the use of a server.
pub(super) fn cookie_name(server: ServerId) -> String {
    format!("ostler_consent_{server}")
}

/// The value of a query parameter, or of a cookie.
pub(super) fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

impl PendingRequest {
    /// A request of `who` that is pending from now on, and its sealed `state`.
    pub(super) fn new(
        request: AuthorizationRequest,
        who: Principal,
        keyring: &Keyring,
        server: ServerId,
    ) -> Result<(Self, String)> {
        let nonce = URL_SAFE_NO_PAD.encode(random::bytes::<16>()?);
        let verifier = URL_SAFE_NO_PAD.encode(random::bytes::<32>()?);
        let browser_secret = URL_SAFE_NO_PAD.encode(random::bytes::<32>()?);
        let state = serde_json::to_vec(&CarriedState { server, nonce: nonce.clone() });
        let state = state.map_err(|_| Error::Internal("a state cannot be written".into()))?;
        let state = keyring.seal_carried(STATE_PURPOSE, &state)?;
        let expires_at = Instant::now() + CONSENT_TIMEOUT;
        Ok((Self { request, who, nonce, expires_at, browser_secret, verifier }, state))
    }

    /// True when it is the one of this nonce, and not over.
    pub(super) fn is_pending(&self, nonce: &str) -> bool {
        self.nonce == nonce && Instant::now() < self.expires_at
    }

    /// True when this is what the browser got that opened the consent page.
    pub(super) fn is_of_browser(&self, secret: Option<&str>) -> bool {
        let expected = self.browser_secret.as_bytes();
        secret.is_some_and(|secret| verify_slices_are_equal(secret.as_bytes(), expected).is_ok())
    }

    /// The URL at which a person consents.
    pub(super) fn authorization_url(&self, state: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()));
        let scope = self.request.scopes.join(" ");
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.request.client.id.as_str()),
            ("redirect_uri", &self.request.redirect_uri),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if !self.request.resource.is_empty() {
            parameters.push(("resource", &self.request.resource));
        }
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        let endpoint = &self.request.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{separator}{}", consent::encoded(&parameters))
    }

    /// The code in an authorization response, where that is of the authorization server that was asked.
    pub(super) fn code(&self, query: &[(String, String)]) -> Result<String> {
        let AuthorizationRequest { issuer, is_iss_promised, .. } = &self.request;
        let fault = |fault: &str| Error::Malformed(fault.to_owned());
        consent::check_issuer(issuer, *is_iss_promised, parameter(query, "iss")).map_err(fault)?;
        if let Some(error) = parameter(query, "error") {
            let printable = error.chars().filter(char::is_ascii_graphic);
            let error: String = printable.take(ERROR_CHARACTERS_MAX).collect();
            return Err(Error::Forbidden(format!("the authorization server refused: {error}")));
        }
        parameter(query, "code").map(str::to_owned).ok_or_else(|| fault("code: is missing"))
    }

    /// Exchanges the code for a grant. Only for an arbiter's thread.
    pub(super) async fn redeem(self, code: &str, reachable: Reachable) -> Result<Grant, FetchError> {
        let AuthorizationRequest { url, redirect_uri, issuer, client, scopes, resource, token_endpoint, .. } =
            self.request;
        let exchange = CodeExchange { code, verifier: &self.verifier, redirect_uri: &redirect_uri };
        let IssuedTokens { access_token, refresh_token, scopes: granted, expires_at, renew_at } =
            token_endpoint::redeem(&token_endpoint, &client, &resource, exchange, reachable).await?;
        Ok(Grant {
            url,
            issuer,
            token_endpoint,
            client,
            resource,
            scopes: granted.unwrap_or(scopes),
            access_token,
            refresh_token,
            expires_at,
            renew_at,
        })
    }
}
