//! [`StoredAuthorization`]: tokens and client registrations of one server, as they are sealed in the database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{model::Timestamp, policy::consent::ClientAuthentication};

// Rows of earlier versions have the members' names that are written here.

/// The authorization of one server, for the next run.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct StoredAuthorization {
    /// Client registrations by issuer: none is ever shown to another authorization server.
    pub clients: BTreeMap<String, ClientRegistration>,
    /// The grant of the last consent.
    pub grant: Option<Grant>,
}

/// Ostler's registration with one authorization server.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ClientRegistration {
    pub id: String,
    pub secret: Option<String>,
    #[serde(rename = "proof")]
    pub authentication: ClientAuthentication,
    /// The redirect URI that was registered; `None` where a person registered Ostler.
    #[serde(rename = "redirect")]
    pub redirect_uri: Option<String>,
    /// End of the secret, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl StoredAuthorization {
    /// Forgets a registration that the authorization server does not know any more; the next request makes another.
    /// One that a person made stays: only they can make another.
    pub(super) fn forget_client(&mut self, issuer: &str, client: &ClientRegistration) {
        let is_forgotten = |known: &ClientRegistration| known.id == client.id && known.redirect_uri.is_some();
        if self.clients.get(issuer).is_some_and(is_forgotten) {
            self.clients.remove(issuer);
        }
    }
}

impl ClientRegistration {
    /// True when it may be used with this redirect URI at `now`.
    pub(super) fn serves(&self, redirect_uri: &str, now: Timestamp) -> bool {
        let fits = self.redirect_uri.as_ref().is_none_or(|registered| registered == redirect_uri);
        fits && self.expires_at.is_none_or(|end| now < end)
    }
}

/// True when an authorization server's `error` says that it does not know the client (RFC 6749, sections 4.1.2.1 and
/// 5.2).
pub(super) fn is_client_unknown(error: &str) -> bool {
    ["invalid_client", "unauthorized_client"].contains(&error)
}

/// Tokens for a server at one URL.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    /// The server's URL; no other is sent the token.
    pub url: String,
    pub issuer: String,
    pub token_endpoint: String,
    pub client: ClientRegistration,
    pub resource: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
    #[serde(rename = "token")]
    pub access_token: String,
    #[serde(rename = "refresh")]
    pub refresh_token: Option<String>,
    #[serde(rename = "ends")]
    pub expires_at: Option<Timestamp>,
    /// Time to renew the token, before it expires.
    #[serde(rename = "due")]
    pub renew_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_of_an_earlier_version_is_read_and_written_unchanged() {
        let client = r#"{"id":"i","secret":"s","proof":"client_secret_basic","redirect":null}"#;
        let place = format!(r#""url":"u","issuer":"a","token_endpoint":"e","client":{client},"resource":"r""#);
        let tokens = r#""scopes":["x"],"token":"t","refresh":"f","ends":null,"due":null"#;
        let text = format!(r#"{{"clients":{{"a":{client}}},"grant":{{{place},{tokens}}}}}"#);
        let stored: StoredAuthorization = serde_json::from_str(&text).unwrap();
        assert_eq!(stored.grant.as_ref().unwrap().refresh_token.as_deref(), Some("f"));
        assert_eq!(serde_json::to_string(&stored).unwrap(), text);
    }
}
