//! Finding an issuer's keys by its metadata (RFC 8414; OpenID Connect Discovery 1.0).

use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    policy::issuer,
    runtime::oauth::keys::{Key, KeySet},
    supervisor::remote,
};

/// How long the issuer may take for all of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest document.
const LONGEST: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The keys that the issuer signs with now. Only for the thread of an arbiter.
pub(super) async fn keys(issuer: &str) -> Result<Vec<Key>, String> {
    let asked = async {
        let metadata = metadata(issuer).await?;
        let keys: KeySet = fetch(&metadata.jwks_uri).await?;
        Ok(keys.usable())
    };
    let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(late)
}

async fn metadata(issuer: &str) -> Result<Metadata, String> {
    let mut failure = String::new();
    for place in places(issuer) {
        match fetch::<Metadata>(&place).await {
            Ok(metadata) if metadata.issuer == issuer => return Ok(metadata),
            Ok(metadata) => failure = format!("{place} is about another issuer, {}", metadata.issuer),
            Err(why) => failure = why,
        }
    }
    Err(failure)
}

/// Where metadata may be: before the path for OAuth, before or after it for OpenID Connect.
fn places(issuer: &str) -> Vec<String> {
    let bare = issuer.trim_end_matches('/');
    let path = bare.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest.split_at(at).1));
    let path = path.unwrap_or_default();
    let origin = bare.strip_suffix(path).unwrap_or(bare);
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
        format!("{bare}/.well-known/openid-configuration"),
    ];
    places.dedup();
    places
}

async fn fetch<T: DeserializeOwned>(url: &str) -> Result<T, String> {
    let failed = |why: String| format!("{url}: {why}");
    if !issuer::is_safe(url) {
        return Err(failed("is neither https nor on this machine".into()));
    }
    // Whoever configured the issuer may have it inside their own network.
    let client = remote::client(url).map_err(failed)?;
    let request = client.get(url).insert_header(("Accept", "application/json"));
    let mut answer = request.send().await.map_err(|error| failed(error.to_string()))?;
    if answer.status().as_u16() != 200 {
        return Err(failed(format!("answered {}", answer.status().as_u16())));
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.next().await {
        body.extend_from_slice(&piece.map_err(|error| failed(error.to_string()))?);
        if body.len() > LONGEST {
            return Err(failed("is longer than 1 MiB".into()));
        }
    }
    serde_json::from_slice(&body).map_err(|error| failed(format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_either_standard_puts_them() {
        assert_eq!(
            places("https://id.example:8443/realms/a"),
            [
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/a",
                "https://id.example:8443/.well-known/openid-configuration/realms/a",
                "https://id.example:8443/realms/a/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            places("https://id.example/"),
            [
                "https://id.example/.well-known/oauth-authorization-server",
                "https://id.example/.well-known/openid-configuration",
            ]
        );
    }
}
