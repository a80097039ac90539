//! Requests to a token endpoint: exchange of a code, and renewal (RFC 6749, sections 4.1.3 and 6).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    authorizations::stored::{ClientRegistration, Grant},
    model::Timestamp,
    outbound::{Body, FetchError, Reachable, post},
    policy::consent::{ClientAuthentication, encoded, escaped, lenient},
};

/// Time before its end at which a token is renewed, so that none expires on its way.
const RENEWAL_LEAD: Duration = Duration::from_secs(60);

/// Part of a token's lifetime that the lead is at most: a token that lives a minute would be renewed at each request.
const RENEWAL_LEAD_FRACTION: u32 = 4;

/// Longest lifetime of a token that is believed, so that no number overflows a timestamp.
const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    /// `Bearer` where it is missing: RFC 6749 requires it, yet some leave it out, and nothing else is in use.
    #[serde(default, deserialize_with = "lenient::text")]
    token_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::number")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "lenient::text")]
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "lenient::words")]
    scope: Option<Vec<String>>,
}

/// Tokens as an authorization server issued them.
pub(super) struct IssuedTokens {
    pub access_token: String,
    pub refresh_token: Option<String>,
    /// The granted scopes; `None` where they are those that were requested (RFC 6749, section 5.1).
    pub scopes: Option<Vec<String>>,
    pub expires_at: Option<Timestamp>,
    pub renew_at: Option<Timestamp>,
}

/// An authorization code, and what proves that it was issued for Ostler.
pub(super) struct CodeExchange<'a> {
    pub code: &'a str,
    pub verifier: &'a str,
    pub redirect_uri: &'a str,
}

/// Exchanges a code for tokens.
pub(super) async fn redeem(
    endpoint: &str,
    client: &ClientRegistration,
    resource: &str,
    exchange: CodeExchange<'_>,
    reachable: Reachable,
) -> Result<IssuedTokens, FetchError> {
    let mut parameters = vec![
        ("grant_type", "authorization_code"),
        ("code", exchange.code),
        ("redirect_uri", exchange.redirect_uri),
        ("code_verifier", exchange.verifier),
    ];
    add_resource(&mut parameters, resource);
    request(endpoint, client, parameters, reachable).await
}

/// Exchanges the refresh token of a grant for newer tokens.
pub(super) async fn renew(grant: &Grant, reachable: Reachable) -> Result<IssuedTokens, FetchError> {
    let refresh_token = grant.refresh_token.as_deref().unwrap_or_default();
    let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    add_resource(&mut parameters, &grant.resource);
    let scope = grant.scopes.join(" ");
    if scope.is_empty() {
        return request(&grant.token_endpoint, &grant.client, parameters, reachable).await;
    }
    let scoped = [parameters.clone(), vec![("scope", scope.as_str())]].concat();
    let renewed = request(&grant.token_endpoint, &grant.client, scoped, reachable).await;
    match renewed {
        // A server that granted less without saying so. Without a scope, all that it granted is asked for.
        Err(fault) if fault.code.as_deref() == Some("invalid_scope") => {
            request(&grant.token_endpoint, &grant.client, parameters, reachable).await
        }
        renewed => renewed,
    }
}

/// Adds the resource, unless the owner of the server wants none sent.
fn add_resource<'a>(parameters: &mut Vec<(&'a str, &'a str)>, resource: &'a str) {
    if !resource.is_empty() {
        parameters.push(("resource", resource));
    }
}

async fn request<'a>(
    endpoint: &str,
    client: &'a ClientRegistration,
    mut parameters: Vec<(&'a str, &'a str)>,
    reachable: Reachable,
) -> Result<IssuedTokens, FetchError> {
    let secret = client.secret.as_deref().unwrap_or_default();
    let authorization = match client.authentication {
        ClientAuthentication::ClientSecretBasic => {
            // Each is encoded like a parameter first (RFC 6749, section 2.3.1).
            Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", escaped(&client.id), escaped(secret)))))
        }
        ClientAuthentication::ClientSecretPost => {
            parameters.extend([("client_id", client.id.as_str()), ("client_secret", secret)]);
            None
        }
        ClientAuthentication::None => {
            parameters.push(("client_id", &client.id));
            None
        }
    };
    let response: TokenResponse = post(endpoint, reachable, Body::Form(encoded(&parameters), authorization)).await?;
    if response.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(FetchError::refusal(endpoint, "gave a token whose token_type is not Bearer"));
    }
    if !is_sendable(&response.access_token) {
        return Err(FetchError::refusal(endpoint, "gave an access_token that cannot stand in a header"));
    }
    let lifetime = response.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let lifetime = lifetime.map(|lifetime| lifetime.min(TOKEN_LIFETIME_MAX));
    let now = Timestamp::now();
    let lead = |lifetime: Duration| RENEWAL_LEAD.min(lifetime / RENEWAL_LEAD_FRACTION);
    Ok(IssuedTokens {
        access_token: response.access_token,
        refresh_token: response.refresh_token,
        scopes: response.scope,
        expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
        renew_at: lifetime.map(|lifetime| now.plus(lifetime.saturating_sub(lead(lifetime)))),
    })
}

/// True if a token can stand in a header (RFC 6750, section 2.1).
fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
