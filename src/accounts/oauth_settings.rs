//! [`OAuthSettings`]: the issuer whose tokens are accepted, and Ostler's own identity as a client.

use crate::model::Role;

/// The issuer that is trusted and how its tokens are read; and the identity of Ostler where it asks for tokens itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthSettings {
    /// The issuer, as its tokens and its metadata write it; `None` trusts none.
    pub issuer: Option<String>,
    /// Audience of its tokens for Ostler: best the URL of `/mcp` that clients use. Needed with an issuer.
    pub audience: Option<String>,
    /// The claim that holds the name of a role, or several; dots enter objects.
    pub role_claim: String,
    /// The role of holders without an account and without such a claim; `None` refuses them.
    pub default_role: Option<Role>,
    /// The URL at which browsers reach Ostler, such as `https://ostler.example`; `None` is the one that the request
    /// went to, which has to be on this machine then.
    pub public_url: Option<String>,
    /// The URL of Ostler's client metadata document (OAuth Client ID Metadata Document); `None` is `/oauth/client.json`
    /// below an `https` public URL.
    pub client_metadata_url: Option<String>,
}

impl Default for OAuthSettings {
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
