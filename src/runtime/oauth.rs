//! Tokens of an OAuth issuer (Ostler as an OAuth 2.1 resource server): whom they belong to, and what they may do.
//!
//! `discovery` finds the issuer's keys, `keys` remembers them, `claims` reads what a token says. Accounts are found by
//! verified addresses; one that is missing is made where the token, or the configuration, says with which role.

mod claims;
mod discovery;
mod keys;

use serde_json::{Map, Value};

use crate::{
    access::credentials::{UNKNOWN, principal},
    error::{Error, Result},
    model::{AuditEntry, Credential, Outcome, Principal, Role, User},
    policy::{issuer, name, permission::of_role},
    runtime::{Runtime, users::user},
    store::users,
};

use claims::Holder;

/// Which issuer is trusted, and how its tokens are read; and who Ostler is where it asks for tokens itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth {
    /// The issuer, as its tokens and its metadata write it; `None` trusts nobody.
    pub issuer: Option<String>,
    /// What its tokens for Ostler are for: best the URL of `/mcp` that clients use. Needed with an issuer.
    pub audience: Option<String>,
    /// The claim that holds the name of a role, or several; dots enter objects.
    pub role_claim: String,
    /// The role of whoever has no account and no such claim; `None` turns them away.
    pub default_role: Option<Role>,
    /// Where browsers reach Ostler, such as `https://ostler.example`; `None` is where the request went that needs to know,
    /// which has to be on this machine then.
    pub public_url: Option<String>,
    /// The URL of our client metadata document (OAuth Client ID Metadata Document); `None` is `/oauth/client.json` below an
    /// `https` public URL.
    pub client_metadata_url: Option<String>,
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            role_claim: "roles".into(),
            default_role: None,
            public_url: None,
            client_metadata_url: None,
        }
    }
}

/// What a client needs to get a token (RFC 9728).
#[derive(Clone, Copy, Debug)]
pub struct ProtectedResource<'a> {
    /// What tokens are to be for.
    pub resource: &'a str,
    /// Who makes them.
    pub issuer: &'a str,
}

/// The issuer that is trusted.
pub(super) struct Issuer {
    name: String,
    audience: String,
    role_claim: String,
    default_role: Option<Role>,
    keys: keys::Keys,
}

impl Issuer {
    /// The issuer of these settings; fails where its name is no URL that keys could be asked of, or nothing says what its
    /// tokens are for.
    pub(super) fn new(settings: &OAuth) -> Result<Option<Self>> {
        let OAuth { issuer, audience, role_claim, default_role, .. } = settings;
        let Some(issuer) = issuer else { return Ok(None) };
        if let Some(fault) = issuer::fault(issuer) {
            return Err(Error::invalid("OSTLER_OAUTH_ISSUER", fault));
        }
        let Some(audience) = audience.clone() else {
            return Err(Error::invalid("OSTLER_OAUTH_AUDIENCE", "is needed with an issuer: the URL of /mcp"));
        };
        let (name, role_claim, keys) = (issuer.clone(), role_claim.clone(), keys::Keys::new());
        Ok(Some(Self { name, audience, role_claim, default_role: *default_role, keys }))
    }
}

impl Runtime {
    /// What clients need to know to get a token of the OAuth issuer; `None` where there is none.
    #[must_use]
    pub fn protected_resource(&self) -> Option<ProtectedResource<'_>> {
        let issuer = self.inner.issuer.as_ref()?;
        Some(ProtectedResource { resource: &issuer.audience, issuer: &issuer.name })
    }

    /// Whom a token of the issuer belongs to.
    pub(super) async fn holder_of_token(&self, token: &str) -> Result<Principal> {
        let Some(issuer) = &self.inner.issuer else { return Err(UNKNOWN) };
        let header = claims::header(token).ok_or(UNKNOWN)?;
        let key = issuer.keys.find(&header, || self.fetch_keys(&issuer.name)).await?.ok_or(UNKNOWN)?;
        let claims = claims::check(token, &header, &key, &issuer.name, &issuer.audience).ok_or(UNKNOWN)?;
        self.holder(issuer, &claims).await
    }

    async fn holder(&self, issuer: &Issuer, claims: &Map<String, Value>) -> Result<Principal> {
        let holder = Holder::read(claims, &issuer.role_claim);
        let holder = holder.map_err(|fault| Error::Forbidden(format!("the token {fault}")))?;
        let email = holder.email.clone();
        let known = self.inner.store.read(move |db| users::find_by_email(db, &email)).await?;
        let user = match known {
            Some(user) => user,
            None => self.admit(&holder, issuer.default_role).await?,
        };
        if user.disabled {
            return Err(UNKNOWN);
        }
        let narrowed = holder.narrowed(&of_role(user.role));
        Ok(principal(&user, Some(&narrowed), Credential::Token(holder.subject), Some(holder.expires_at)))
    }

    /// Makes the account of somebody that the issuer knows and Ostler does not. It has no password.
    async fn admit(&self, holder: &Holder, default_role: Option<Role>) -> Result<User> {
        let Some(role) = holder.role.or(default_role) else {
            let text = "there is no account for the address in the token, and the token names no role to make one with";
            return Err(Error::Forbidden(text.into()));
        };
        let name = name::kept(&holder.name).unwrap_or_else(|_| holder.email.clone());
        // What is no hash is no password's.
        let user = user(holder.email.clone(), name, role, String::new());
        let entry = AuditEntry::by_ostler("user.create", user.id, Outcome::Success);
        let entry = entry.with_detail(format!("{}: first seen with a token of the OAuth issuer", user.email));
        let (made, email) = (user.clone(), user.email.clone());
        match self.inner.recorder.commit(Some(entry), move |db| users::insert(db, &made)).await {
            Ok(()) => Ok(user),
            // Another request of theirs was faster.
            Err(Error::Conflict(_)) => {
                self.inner.store.read(move |db| users::find_by_email(db, &email)).await?.ok_or(UNKNOWN)
            }
            Err(error) => Err(error),
        }
    }

    /// The issuer's keys, asked for on an arbiter, since a client there may not leave its thread.
    async fn fetch_keys(&self, issuer: &str) -> std::result::Result<Vec<keys::Key>, String> {
        let issuer = issuer.to_owned();
        self.inner.arbiters.run(move || async move { discovery::keys(&issuer).await }).await
    }
}
