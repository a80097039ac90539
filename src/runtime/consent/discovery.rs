//! From a server to who makes tokens for it, and what Ostler is to them (RFC 9728, RFC 8414, RFC 7591).

use serde::{Deserialize, Serialize};

use crate::{
    outbound::{Body, Reachable, fetch, post},
    policy::{
        consent::{self, Challenge, Proof},
        issuer,
    },
    runtime::consent::kept::Client,
};

/// What a server says of itself.
#[derive(Deserialize)]
struct ResourceMetadata {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

/// What an authorization server says of itself.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    registration_endpoint: Option<String>,
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    client_id_metadata_document_supported: bool,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Who makes tokens for a server, and how.
pub(super) struct Found {
    /// What tokens are to be for, as the server writes it.
    pub resource: String,
    pub scopes: Vec<String>,
    pub metadata: Metadata,
}

/// Who makes tokens for the server at `url`.
pub(super) async fn find(url: &str, challenge: &Challenge, reach: Reachable) -> Result<Found, String> {
    if !issuer::is_safe(url) {
        return Err("tokens are sent over https only, or on this machine".into());
    }
    let ResourceMetadata { resource, authorization_servers, scopes_supported } =
        resource(url, challenge, reach).await?;
    if !consent::is_for(&resource, url) {
        return Err(format!("it says that its tokens are for {resource}, which is another place"));
    }
    let name = authorization_servers.into_iter().next().ok_or("it names no authorization server")?;
    if let Some(fault) = issuer::fault(&name) {
        return Err(format!("its authorization server, {name}, cannot be used: it {fault}"));
    }
    Ok(Found { resource, scopes: scopes_supported, metadata: metadata(&name, reach).await? })
}

/// What the server says where it was said to say so, or else where it should. One that is older than that is its own
/// authorization server.
async fn resource(url: &str, challenge: &Challenge, reach: Reachable) -> Result<ResourceMetadata, String> {
    if let Some(place) = &challenge.metadata {
        return Ok(fetch(place, reach).await?);
    }
    for place in consent::resource_places(url) {
        if let Ok(metadata) = fetch(&place, reach).await {
            return Ok(metadata);
        }
    }
    let resource = url.split('?').next().unwrap_or(url).to_owned();
    Ok(ResourceMetadata {
        resource,
        authorization_servers: vec![consent::origin_of(url).to_owned()],
        scopes_supported: Vec::new(),
    })
}

async fn metadata(issuer: &str, reach: Reachable) -> Result<Metadata, String> {
    let mut failure = String::new();
    for place in consent::metadata_places(issuer) {
        match fetch::<Metadata>(&place, reach).await {
            Ok(metadata) if metadata.issuer == issuer => return usable(metadata),
            Ok(metadata) => return Err(format!("{place} is about another issuer, {}", metadata.issuer)),
            Err(why) => failure = why.text,
        }
    }
    Err(failure)
}

fn usable(metadata: Metadata) -> Result<Metadata, String> {
    let Metadata { issuer, authorization_endpoint, token_endpoint, .. } = &metadata;
    if !issuer::is_safe(authorization_endpoint) || !issuer::is_safe(token_endpoint) {
        return Err(format!("{issuer} has endpoints that are neither https nor on this machine"));
    }
    if !metadata.code_challenge_methods_supported.iter().any(|method| method == "S256") {
        return Err(format!("{issuer} does not say that it knows PKCE with S256, which MCP asks for"));
    }
    Ok(metadata)
}

/// Who Ostler says it is (RFC 7591, section 2).
#[derive(Serialize)]
struct Registration<'a> {
    client_name: &'a str,
    redirect_uris: [&'a str; 1],
    grant_types: [&'a str; 2],
    response_types: [&'a str; 1],
    token_endpoint_auth_method: &'a str,
    application_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<String>,
    token_endpoint_auth_method: Option<String>,
}

impl Metadata {
    /// What a client is that somebody registered.
    pub fn given(&self, id: String, secret: Option<String>) -> Client {
        let proof = Proof::chosen(self.proofs(), secret.is_some(), None);
        Client { id, secret, proof, redirect: None }
    }

    /// What Ostler is here without anybody's help: the URL of its metadata where that is taken, else newly registered.
    pub async fn introduce(
        &self,
        document: Option<String>,
        redirect: &str,
        scopes: &[String],
        reach: Reachable,
    ) -> Result<Client, String> {
        if let Some(id) = document.filter(|_| self.client_id_metadata_document_supported) {
            return Ok(Client { id, secret: None, proof: Proof::None, redirect: Some(redirect.to_owned()) });
        }
        let Some(endpoint) = &self.registration_endpoint else {
            return Err(format!(
                "{} registers nobody by itself: register Ostler there, to come back to {redirect}, and give clientId",
                self.issuer
            ));
        };
        let registration = Registration {
            client_name: "Ostler",
            redirect_uris: [redirect],
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: Proof::wanted(self.proofs()).name(),
            application_type: if redirect.starts_with("https://") { "web" } else { "native" },
            scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        };
        let body = serde_json::to_string(&registration).map_err(|error| error.to_string())?;
        let registered: Registered = post(endpoint, reach, Body::Json(body)).await?;
        let Registered { client_id, client_secret, token_endpoint_auth_method } = registered;
        let stated = token_endpoint_auth_method.as_deref();
        let proof = Proof::chosen(self.proofs(), client_secret.is_some(), stated);
        Ok(Client { id: client_id, secret: client_secret, proof, redirect: Some(redirect.to_owned()) })
    }

    fn proofs(&self) -> Option<&[String]> {
        self.token_endpoint_auth_methods_supported.as_deref()
    }
}
