//! Getting tokens for a code, and for a token that was given to renew them (RFC 6749, sections 4.1.3 and 6).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    model::Timestamp,
    outbound::{Body, FetchError, Reachable, post},
    policy::consent::{Proof, encoded, escaped},
    runtime::consent::kept::{Client, Grant},
};

/// How long before its end a token is renewed, unless it holds for a short time altogether.
const BEFORE: Duration = Duration::from_secs(60);

/// The longest a token is taken to hold, whatever is said of it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    expires_in: Option<f64>,
    refresh_token: Option<String>,
}

/// Tokens as they came.
pub(super) struct Tokens {
    pub token: String,
    pub refresh: Option<String>,
    pub ends: Option<Timestamp>,
    pub due: Option<Timestamp>,
}

/// What a code is worth.
pub(super) struct Code<'a> {
    pub code: &'a str,
    pub verifier: &'a str,
    pub redirect: &'a str,
}

/// The tokens for a code.
pub(super) async fn redeem(
    endpoint: &str,
    client: &Client,
    resource: &str,
    code: Code<'_>,
    reach: Reachable,
) -> Result<Tokens, FetchError> {
    let parameters = vec![
        ("grant_type", "authorization_code"),
        ("code", code.code),
        ("redirect_uri", code.redirect),
        ("code_verifier", code.verifier),
        ("resource", resource),
    ];
    ask(endpoint, client, parameters, reach).await
}

/// Newer tokens, by what was given to renew them with.
pub(super) async fn renew(grant: &Grant, reach: Reachable) -> Result<Tokens, FetchError> {
    let refresh = grant.refresh.as_deref().unwrap_or_default();
    let scope = grant.scopes.join(" ");
    let mut parameters =
        vec![("grant_type", "refresh_token"), ("refresh_token", refresh), ("resource", grant.resource.as_str())];
    if !scope.is_empty() {
        parameters.push(("scope", &scope));
    }
    ask(&grant.token_endpoint, &grant.client, parameters, reach).await
}

async fn ask<'a>(
    endpoint: &str,
    client: &'a Client,
    mut parameters: Vec<(&'a str, &'a str)>,
    reach: Reachable,
) -> Result<Tokens, FetchError> {
    let secret = client.secret.as_deref().unwrap_or_default();
    let authorization = match client.proof {
        Proof::ClientSecretBasic => {
            // Each is encoded like a parameter first (RFC 6749, section 2.3.1).
            Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", escaped(&client.id), escaped(secret)))))
        }
        Proof::ClientSecretPost => {
            parameters.extend([("client_id", client.id.as_str()), ("client_secret", secret)]);
            None
        }
        Proof::None => {
            parameters.push(("client_id", &client.id));
            None
        }
    };
    let answer: Answer = post(endpoint, reach, Body::Form(encoded(&parameters), authorization)).await?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") || !is_sendable(&answer.access_token) {
        let text = format!("{endpoint}: gave a token of a kind that Ostler cannot send");
        return Err(FetchError { text, is_refusal: true });
    }
    let holds = answer.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let holds = holds.map(|holds| holds.min(LONGEST));
    let now = Timestamp::now();
    Ok(Tokens {
        token: answer.access_token,
        refresh: answer.refresh_token,
        ends: holds.map(|holds| now.plus(holds)),
        due: holds.map(|holds| now.plus(holds.saturating_sub(BEFORE.min(holds / 4)))),
    })
}

/// Whether a token can stand in a header (RFC 6750, section 2.1).
fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
