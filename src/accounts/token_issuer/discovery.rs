//! Finding an issuer's keys by its metadata (RFC 8414; OpenID Connect Discovery 1.0).

use std::time::Duration;

use serde::Deserialize;

use crate::{
    accounts::token_issuer::issuer_keys::{IssuerKey, JsonWebKeySet},
    outbound::{Reachable, fetch},
    policy::{consent, issuer::is_same},
};

/// Time for metadata and keys together.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Metadata of an authorization server (RFC 8414, section 2).
#[derive(Deserialize)]
struct IssuerMetadata {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys that the issuer signs with now. It may be at a private address, as an operator configured it. Only
/// for the thread of an arbiter.
pub(super) async fn keys(issuer: &str) -> Result<Vec<IssuerKey>, String> {
    let asked = async {
        let metadata = metadata(issuer).await?;
        let keys: JsonWebKeySet = fetch(&metadata.jwks_uri, Reachable::Any).await?;
        Ok::<_, String>(keys.usable())
    };
    let late = |_| Err(format!("no answer within {} s", DISCOVERY_TIMEOUT.as_secs()));
    tokio::time::timeout(DISCOVERY_TIMEOUT, asked).await.unwrap_or_else(late)
}

async fn metadata(issuer: &str) -> Result<IssuerMetadata, String> {
    let mut failure = String::new();
    for place in consent::metadata_places(issuer) {
        match fetch::<IssuerMetadata>(&place, Reachable::Any).await {
            Ok(metadata) if is_same(&metadata.issuer, issuer) => return Ok(metadata),
            Ok(metadata) => failure = format!("{place} is about another issuer, {}", metadata.issuer),
            Err(why) => failure = why.text,
        }
    }
    Err(failure)
}
