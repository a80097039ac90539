//! [`TokenIssuer`]: verifies tokens of an OAuth issuer (Ostler as an OAuth 2.1 resource server).
//!
//! `discovery` finds the issuer's keys, `issuer_keys` caches them, `claims` reads the claims of a token.

mod claims;
mod discovery;
mod issuer_keys;

use crate::{
    access::credentials::UNKNOWN,
    accounts::OAuthSettings,
    error::{Error, Result},
    model::Role,
    policy::issuer,
    tasks::arbiters::Arbiters,
};

pub(super) use claims::TokenHolder;
use issuer_keys::{IssuerKey, IssuerKeys};

/// Metadata that a client needs to get a token (RFC 9728).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProtectedResource<'a> {
    /// The resource that tokens have as their audience.
    pub resource: &'a str,
    /// The issuer of tokens.
    pub issuer: &'a str,
}

/// The issuer that is trusted.
pub(crate) struct TokenIssuer {
    name: String,
    audience: String,
    role_claim: String,
    default_role: Option<Role>,
    keys: IssuerKeys,
}

impl TokenIssuer {
    /// The issuer of these settings; fails where its name is no URL to ask for keys, or the audience of its tokens is
    /// missing.
    pub(crate) fn new(settings: &OAuthSettings) -> Result<Option<Self>> {
        let OAuthSettings { issuer, audience, role_claim, default_role, .. } = settings;
        let Some(issuer) = issuer else { return Ok(None) };
        if let Some(fault) = issuer::fault(issuer) {
            return Err(Error::invalid("OSTLER_OAUTH_ISSUER", fault));
        }
        let Some(audience) = audience.clone() else {
            return Err(Error::invalid("OSTLER_OAUTH_AUDIENCE", "is needed with an issuer: the URL of /mcp"));
        };
        let (name, role_claim, keys) = (issuer.clone(), role_claim.clone(), IssuerKeys::new());
        Ok(Some(Self { name, audience, role_claim, default_role: *default_role, keys }))
    }

    /// Metadata that clients need to get one of its tokens.
    pub(crate) fn protected_resource(&self) -> ProtectedResource<'_> {
        ProtectedResource { resource: &self.audience, issuer: &self.name }
    }

    /// The role of holders without an account whose token names none.
    pub(super) fn default_role(&self) -> Option<Role> {
        self.default_role
    }

    /// The holder of a token that the issuer signed for Ostler; asks for its keys on a thread of `arbiters`.
    pub(super) async fn verify(&self, token: &str, arbiters: &Arbiters) -> Result<TokenHolder> {
        let header = claims::header(token).ok_or(UNKNOWN)?;
        let key = self.keys.find(&header, || self.fetch_keys(arbiters)).await?.ok_or(UNKNOWN)?;
        let claims = claims::check(token, &header, &key, &self.name, &self.audience).ok_or(UNKNOWN)?;
        TokenHolder::read(&claims, &self.role_claim).map_err(|fault| Error::Forbidden(format!("the token {fault}")))
    }

    /// The issuer's keys, asked for on an arbiter, since an HTTP client may not leave its thread.
    async fn fetch_keys(&self, arbiters: &Arbiters) -> std::result::Result<Vec<IssuerKey>, String> {
        let issuer = self.name.clone();
        arbiters.ask(move || async move { discovery::keys(&issuer).await }).await
    }
}
