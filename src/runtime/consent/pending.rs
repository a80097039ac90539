//! A consent that was asked for: what is sent along with a browser, and what is believed of what it brings back.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    error::{Error, Result},
    model::{Principal, ServerId},
    outbound::{FetchError, Reachable},
    policy::consent::{self, Challenge},
    runtime::consent::{
        discovery::{self, Found},
        exchange::{self, Code, Tokens},
        kept::{Client, Grant, Kept},
        value,
    },
    secrets::{Keyring, random},
};

/// How long somebody may take to consent.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// How long an authorization server may take for all that is asked of it at once.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// What the state that a browser carries is sealed for.
const PURPOSE: &str = "consent";

/// What is to be found out.
pub(super) struct Question {
    pub url: String,
    pub redirect: String,
    pub given: Option<(String, Option<String>)>,
    pub document: Option<String>,
    pub kept: Kept,
    pub challenge: Challenge,
    pub reach: Reachable,
}

/// What was found out.
pub(super) struct Asked {
    pub url: String,
    pub redirect: String,
    pub issuer: String,
    pub client: Client,
    pub scopes: Vec<String>,
    resource: String,
    authorization_endpoint: String,
    token_endpoint: String,
    is_iss_promised: bool,
}

/// A consent that somebody was sent for.
pub(super) struct Pending {
    pub asked: Asked,
    pub who: Principal,
    pub nonce: String,
    pub until: Instant,
    verifier: String,
}

/// What a browser carries for us.
#[derive(Serialize, Deserialize)]
struct State {
    server: ServerId,
    nonce: String,
}

/// Who makes tokens for the server, what Ostler is to them, and what to ask for. Only for the thread of an arbiter.
pub(super) async fn ask(question: Question) -> std::result::Result<Asked, String> {
    let Question { url, redirect, given, document, kept, challenge, reach } = question;
    let Found { resource, scopes, metadata } = discovery::find(&url, &challenge, reach).await?;
    let held = kept.grant.filter(|grant| grant.url == url && grant.issuer == metadata.issuer);
    let held = held.map(|grant| grant.scopes).unwrap_or_default();
    let scopes = consent::scopes(&challenge, &scopes, &held, &metadata.scopes_supported);
    let known = kept.clients.get(&metadata.issuer);
    let known = known.filter(|client| client.redirect.as_ref().is_none_or(|registered| *registered == redirect));
    let client = match (given, known) {
        (Some((id, secret)), _) => metadata.given(id, secret),
        (None, Some(known)) => known.clone(),
        (None, None) => metadata.introduce(document, &redirect, &scopes, reach).await?,
    };
    Ok(Asked {
        url,
        redirect,
        issuer: metadata.issuer,
        client,
        scopes,
        resource,
        authorization_endpoint: metadata.authorization_endpoint,
        token_endpoint: metadata.token_endpoint,
        is_iss_promised: metadata.authorization_response_iss_parameter_supported,
    })
}

impl Asked {
    /// What somebody is sent for, with the state that their browser carries.
    pub fn begun(self, who: Principal, keyring: &Keyring, server: ServerId) -> Result<(Pending, String)> {
        let nonce = URL_SAFE_NO_PAD.encode(random::bytes::<16>()?);
        let verifier = URL_SAFE_NO_PAD.encode(random::bytes::<32>()?);
        let state = serde_json::to_vec(&State { server, nonce: nonce.clone() });
        let state = state.map_err(|_| Error::Internal("a state cannot be written".into()))?;
        let state = keyring.seal_carried(PURPOSE, &state)?;
        Ok((Pending { asked: self, who, nonce, until: Instant::now() + PATIENCE, verifier }, state))
    }
}

/// Whose consent a state is about, and which.
pub(super) fn open_state(keyring: &Keyring, sealed: &str) -> Result<(ServerId, String)> {
    let opened = keyring.open_carried(PURPOSE, sealed).ok_or_else(unknown)?;
    let State { server, nonce } = serde_json::from_slice(&opened).map_err(|_| unknown())?;
    Ok((server, nonce))
}

/// What is said of a state that nobody waits for.
pub(super) fn unknown() -> Error {
    Error::Malformed("state: nobody waits for this consent, or no longer; authorize the server again".into())
}

impl Pending {
    /// Where somebody consents.
    pub fn place(&self, state: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()));
        let scope = self.asked.scopes.join(" ");
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.asked.client.id.as_str()),
            ("redirect_uri", &self.asked.redirect),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &self.asked.resource),
        ];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        let endpoint = &self.asked.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{separator}{}", consent::encoded(&parameters))
    }

    /// The code among what a browser brought back, where that is from whom it was sent to.
    pub fn code(&self, query: &[(String, String)]) -> Result<String> {
        let Asked { issuer, is_iss_promised, .. } = &self.asked;
        let fault = |fault: &str| Error::Malformed(fault.to_owned());
        consent::check_issuer(issuer, *is_iss_promised, value(query, "iss")).map_err(fault)?;
        if let Some(error) = value(query, "error") {
            let error: String = error.chars().filter(|one| one.is_ascii_graphic()).take(64).collect();
            return Err(Error::Forbidden(format!("the authorization server refused: {error}")));
        }
        value(query, "code").map(str::to_owned).ok_or_else(|| fault("code: is missing"))
    }

    /// What the code is worth. Only for the thread of an arbiter.
    pub async fn redeem(self, code: &str, reach: Reachable) -> std::result::Result<Grant, FetchError> {
        let Asked { url, redirect, issuer, client, scopes, resource, token_endpoint, .. } = self.asked;
        let code = Code { code, verifier: &self.verifier, redirect: &redirect };
        let Tokens { token, refresh, ends, due } =
            exchange::redeem(&token_endpoint, &client, &resource, code, reach).await?;
        Ok(Grant { url, issuer, token_endpoint, client, resource, scopes, token, refresh, ends, due })
    }
}
