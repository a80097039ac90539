//! Discovery of a server's authorization server, and registration there (RFC 9728, RFC 8414, RFC 7591).

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    authorizations::stored::ClientRegistration,
    model::{RemoteOAuth, Timestamp},
    outbound::{Body, Reachable, fetch, post},
    policy::{
        consent::{self, Challenge, ClientAuthentication, lenient},
        issuer,
    },
};

/// Protected resource metadata (RFC 9728, section 2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceMetadata {
    #[serde(deserialize_with = "lenient::text")]
    resource: Option<String>,
    #[serde(deserialize_with = "lenient::words")]
    authorization_servers: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient::words")]
    scopes_supported: Option<Vec<String>>,
}

/// Authorization server metadata (RFC 8414, section 2).
#[derive(Deserialize)]
pub(super) struct AuthorizationServerMetadata {
    pub issuer: String,
    /// Empty where they name none: the owner of the server may name it.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub authorization_endpoint: String,
    /// Empty where they name none.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub token_endpoint: String,
    #[serde(default, deserialize_with = "lenient::text")]
    registration_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient::words")]
    scopes_supported: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient::words")]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient::words")]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient::flag")]
    client_id_metadata_document_supported: bool,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub authorization_response_iss_parameter_supported: bool,
}

fn text_or_empty<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    lenient::text(reader).map(Option::unwrap_or_default)
}

/// The authorization server of a server, and the resource that tokens are for.
pub(super) struct Discovery {
    /// As the server writes it.
    pub resource: String,
    pub scopes: Vec<String>,
    pub metadata: AuthorizationServerMetadata,
}

/// Discovers the authorization server of the server at `url`, as far as `given` does not say what it would find.
pub(super) async fn discover(
    url: &str,
    challenge: &Challenge,
    given: &RemoteOAuth,
    reachable: Reachable,
) -> Result<Discovery, String> {
    if !issuer::is_safe(url) {
        return Err("tokens are sent over https only, or on this machine".into());
    }
    let endpoints = given.authorization_endpoint.clone().zip(given.token_endpoint.clone());
    let found = match resource_metadata(url, challenge, reachable).await {
        // Nothing depends on them.
        Err(_) if given.issuer.is_some() || endpoints.is_some() => ResourceMetadata::default(),
        found => found?,
    };
    let ResourceMetadata { resource, authorization_servers, scopes_supported } = found;
    let resource = resource.unwrap_or_else(|| url.split('?').next().unwrap_or(url).to_owned());
    if given.resource.is_none() && !consent::is_for(&resource, url) {
        return Err(format!("it says that its tokens are for {resource}, which is another place"));
    }
    let resource = given.resource.clone().unwrap_or(resource);
    let named = authorization_servers.into_iter().flatten().next();
    let name = match (given.issuer.clone().or(named), &endpoints) {
        (Some(name), _) => name,
        (None, Some((_, token_endpoint))) => consent::origin_of(token_endpoint).to_owned(),
        (None, None) => return Err("it names no authorization server".into()),
    };
    if let Some(fault) = issuer::fault(&name) {
        return Err(format!("its authorization server, {name}, cannot be used: it {fault}"));
    }
    let metadata = match endpoints {
        Some((authorization_endpoint, token_endpoint)) => {
            AuthorizationServerMetadata::given(name, authorization_endpoint, token_endpoint)
        }
        None => metadata(&name, given, reachable).await?,
    };
    let registration_endpoint = given.registration_endpoint.clone().or(metadata.registration_endpoint);
    let metadata = AuthorizationServerMetadata { registration_endpoint, ..metadata };
    Ok(Discovery { resource, scopes: scopes_supported.unwrap_or_default(), metadata })
}

/// The server's metadata from the URL in its challenge, or where that leads nowhere from the well-known ones. A server
/// without any is of an older revision, in which it is its own authorization server.
async fn resource_metadata(url: &str, challenge: &Challenge, reachable: Reachable) -> Result<ResourceMetadata, String> {
    let mut failure = None;
    for place in challenge.metadata.iter().cloned().chain(consent::resource_places(url)) {
        match fetch(&place, reachable).await {
            Ok(metadata) => return Ok(metadata),
            // Of the place that it named, if it named one.
            Err(why) if challenge.metadata.is_some() => failure = failure.or(Some(why)),
            Err(_) => {}
        }
    }
    if let Some(why) = failure {
        return Err(why.into());
    }
    Ok(ResourceMetadata {
        authorization_servers: Some(vec![consent::origin_of(url).to_owned()]),
        ..ResourceMetadata::default()
    })
}

async fn metadata(
    issuer: &str,
    given: &RemoteOAuth,
    reachable: Reachable,
) -> Result<AuthorizationServerMetadata, String> {
    let mut failure = String::new();
    for place in consent::metadata_places(issuer) {
        match fetch::<AuthorizationServerMetadata>(&place, reachable).await {
            Ok(metadata) if issuer::is_same(&metadata.issuer, issuer) => return usable(metadata, given),
            Ok(metadata) => failure = format!("{place} is about another issuer, {}", metadata.issuer),
            Err(why) => failure = why.text,
        }
    }
    Err(failure)
}

fn usable(
    mut metadata: AuthorizationServerMetadata,
    given: &RemoteOAuth,
) -> Result<AuthorizationServerMetadata, String> {
    if let Some(endpoint) = &given.authorization_endpoint {
        metadata.authorization_endpoint.clone_from(endpoint);
    }
    if let Some(endpoint) = &given.token_endpoint {
        metadata.token_endpoint.clone_from(endpoint);
    }
    let AuthorizationServerMetadata { issuer, authorization_endpoint, token_endpoint, .. } = &metadata;
    let missing = [("authorization_endpoint", authorization_endpoint), ("token_endpoint", token_endpoint)];
    if let Some((member, _)) = missing.into_iter().find(|(_, endpoint)| endpoint.is_empty()) {
        return Err(format!("{issuer} lacks the member {member}, which the server's oauth may give"));
    }
    if !issuer::is_safe(authorization_endpoint) || !issuer::is_safe(token_endpoint) {
        return Err(format!("{issuer} has endpoints that are neither https nor on this machine"));
    }
    let knows_pkce = metadata.code_challenge_methods_supported.iter().flatten().any(|method| method == "S256");
    if !knows_pkce && !given.pkce {
        return Err(format!(
            "{issuer} does not say that it knows PKCE with S256, which MCP asks for; if it does, set the server's \
             oauth.pkce to true"
        ));
    }
    Ok(metadata)
}

/// Client metadata of a registration (RFC 7591, section 2).
#[derive(Serialize)]
struct RegistrationRequest<'a> {
    client_name: &'a str,
    redirect_uris: [&'a str; 1],
    grant_types: [&'a str; 2],
    response_types: [&'a str; 1],
    token_endpoint_auth_method: &'a str,
    application_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// Client information response (RFC 7591, section 3.2.1).
#[derive(Deserialize)]
struct RegistrationResponse {
    client_id: String,
    #[serde(default, deserialize_with = "lenient::text")]
    client_secret: Option<String>,
    #[serde(default, deserialize_with = "lenient::number")]
    client_secret_expires_at: Option<f64>,
    #[serde(default, deserialize_with = "lenient::text")]
    token_endpoint_auth_method: Option<String>,
}

impl AuthorizationServerMetadata {
    /// Those of a server that is known by its endpoints alone.
    fn given(issuer: String, authorization_endpoint: String, token_endpoint: String) -> Self {
        Self {
            issuer,
            authorization_endpoint,
            token_endpoint,
            registration_endpoint: None,
            scopes_supported: None,
            code_challenge_methods_supported: None,
            token_endpoint_auth_methods_supported: None,
            client_id_metadata_document_supported: false,
            authorization_response_iss_parameter_supported: false,
        }
    }

    /// Every scope that it knows.
    pub(super) fn scopes(&self) -> &[String] {
        self.scopes_supported.as_deref().unwrap_or_default()
    }

    /// A client that a person registered.
    pub(super) fn preregistered(&self, id: String, secret: Option<String>) -> ClientRegistration {
        let authentication = ClientAuthentication::chosen(self.authentication_methods(), secret.is_some(), None);
        ClientRegistration { id, secret, authentication, redirect_uri: None, expires_at: None }
    }

    /// Registers Ostler dynamically; where clients are known by the URL of their metadata, that needs no request.
    pub(super) async fn register(
        &self,
        metadata_url: Option<String>,
        redirect_uri: &str,
        scopes: &[String],
        reachable: Reachable,
    ) -> Result<ClientRegistration, String> {
        let redirect = Some(redirect_uri.to_owned());
        if let Some(id) = metadata_url.filter(|_| self.client_id_metadata_document_supported) {
            let authentication = ClientAuthentication::None;
            return Ok(ClientRegistration {
                id,
                secret: None,
                authentication,
                redirect_uri: redirect,
                expires_at: None,
            });
        }
        let Some(endpoint) = &self.registration_endpoint else {
            return Err(format!(
                "{} has no dynamic registration: register Ostler there, with the redirect URI {redirect_uri}, \
                 and give clientId",
                self.issuer
            ));
        };
        let registration = RegistrationRequest {
            client_name: "Ostler",
            redirect_uris: [redirect_uri],
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: ClientAuthentication::wanted(self.authentication_methods()).name(),
            application_type: if redirect_uri.starts_with("https://") { "web" } else { "native" },
            scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        };
        let body = serde_json::to_string(&registration).map_err(|error| error.to_string())?;
        let response: RegistrationResponse = post(endpoint, reachable, Body::Json(body)).await?;
        let RegistrationResponse { client_id: id, client_secret: secret, .. } = response;
        let stated = response.token_endpoint_auth_method.as_deref();
        let authentication = ClientAuthentication::chosen(self.authentication_methods(), secret.is_some(), stated);
        // 0 stands for never.
        let end = response.client_secret_expires_at.filter(|seconds| *seconds > 0.0 && secret.is_some());
        let lifetime = end.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let expires_at = lifetime.map(|since_1970| Timestamp::of_unix_minutes(0).plus(since_1970));
        Ok(ClientRegistration { id, secret, authentication, redirect_uri: redirect, expires_at })
    }

    fn authentication_methods(&self) -> Option<&[String]> {
        self.token_endpoint_auth_methods_supported.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_metadata_lack_is_named_or_given() {
        let metadata = || {
            let text = r#"{"issuer":"https://a.example","authorization_endpoint":null,
                "token_endpoint":"https://a.example/token","code_challenge_methods_supported":["S256"]}"#;
            serde_json::from_str(text).unwrap()
        };
        let why = usable(metadata(), &RemoteOAuth::default()).err().unwrap();
        assert_eq!(why, "https://a.example lacks the member authorization_endpoint, which the server's oauth may give");
        let endpoint = Some("https://a.example/authorize".to_owned());
        let given = RemoteOAuth { authorization_endpoint: endpoint.clone(), ..RemoteOAuth::default() };
        assert_eq!(usable(metadata(), &given).ok().map(|metadata| metadata.authorization_endpoint), endpoint);
    }
}
