//! Finding an issuer's keys by its metadata (RFC 8414; OpenID Connect Discovery 1.0).

use std::time::Duration;

use serde::Deserialize;

use crate::{
    outbound::{Reachable, fetch},
    policy::consent,
    runtime::oauth::keys::{Key, KeySet},
};

/// How long the issuer may take for all of it.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The keys that the issuer signs with now. Whoever configured the issuer may have it inside their own network. Only for
/// the thread of an arbiter.
pub(super) async fn keys(issuer: &str) -> Result<Vec<Key>, String> {
    let asked = async {
        let metadata = metadata(issuer).await?;
        let keys: KeySet = fetch(&metadata.jwks_uri, Reachable::Any).await?;
        Ok::<_, String>(keys.usable())
    };
    let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(late)
}

async fn metadata(issuer: &str) -> Result<Metadata, String> {
    let mut failure = String::new();
    for place in consent::metadata_places(issuer) {
        match fetch::<Metadata>(&place, Reachable::Any).await {
            Ok(metadata) if metadata.issuer == issuer => return Ok(metadata),
            Ok(metadata) => failure = format!("{place} is about another issuer, {}", metadata.issuer),
            Err(why) => failure = why.text,
        }
    }
    Err(failure)
}
