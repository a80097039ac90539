//! OAuth 2.0 Protected Resource Metadata of `/mcp` (RFC 9728; specification, basic/authorization).

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    policy::permission::name,
    web::{HandlerResult, authenticate::AnonymousCaller, challenge::CLIENT_PERMISSIONS, problem::Problem},
};

/// OAuth 2.0 Protected Resource Metadata of `/mcp` (RFC 9728, section 2).
#[derive(Serialize, ToSchema)]
#[schema(as = ProtectedResource)]
pub(crate) struct ProtectedResourceView {
    /// Resource identifier: the audience that a token must have.
    resource: String,
    /// Issuer of tokens for it.
    authorization_servers: [String; 1],
    /// Scopes that a client needs, as some ask for every one of them; a token may have any permission of API keys.
    scopes_supported: Vec<&'static str>,
    /// Methods of sending a token (RFC 6750, section 2).
    bearer_methods_supported: [&'static str; 1],
    /// In words.
    resource_name: &'static str,
}

/// Learn where to get a token for `/mcp`
///
/// OAuth 2.0 Protected Resource Metadata (RFC 9728), where Ostler takes tokens of an OAuth issuer.
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource/mcp", tag = "mcp", security(()),
    responses((status = 200, description = "What a token is to be for", body = ProtectedResourceView),
        (status = 404, description = "Code `not_found`: no OAuth issuer is configured")))]
pub(crate) async fn metadata(anonymous: AnonymousCaller) -> HandlerResult {
    let resource = anonymous.runtime.accounts().protected_resource().ok_or_else(Problem::no_page)?;
    Ok(HttpResponse::Ok().json(ProtectedResourceView {
        resource: resource.resource.to_owned(),
        authorization_servers: [resource.issuer.to_owned()],
        scopes_supported: CLIENT_PERMISSIONS.into_iter().map(name).collect(),
        bearer_methods_supported: ["header"],
        resource_name: "Ostler",
    }))
}

/// Learn where to get a token, at the path for the whole host
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource", tag = "mcp", security(()),
    responses((status = 200, description = "What a token is to be for", body = ProtectedResourceView),
        (status = 404, description = "Code `not_found`: no OAuth issuer is configured")))]
pub(crate) async fn metadata_of_host(anonymous: AnonymousCaller) -> HandlerResult {
    metadata(anonymous).await
}
