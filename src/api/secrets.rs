//! Secrets of the caller's own, by name.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::server_view::List,
    error::Error,
    model::{Hidden, NamedSecret, SecretChange, ServerId, Text},
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        query::{PathId, SecretName},
    },
};

/// A new or changed secret. `Debug` does not show the value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretBody {
    /// Its value, 1 byte to 32 KiB; left out, an existing secret keeps what it is.
    #[schema(value_type = Option<String>)]
    value: Option<Text>,
    /// Ids of all the servers of other users that may have it, in processes that are for you alone (`isolation` of
    /// `per-user` or `per-session`). Their owners can read it then.
    #[schema(value_type = Option<Vec<String>>)]
    servers: Option<Vec<Text>>,
}

impl std::fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { value, servers } = self;
        f.debug_struct("SecretBody").field("value", &value.as_ref().map(|_| Hidden)).field("servers", servers).finish()
    }
}

/// List secrets
///
/// Your own: names, when they changed, and which servers refer to them. Nothing shows a value again.
#[utoipa::path(get, path = "/api/secrets", tag = "secrets",
    responses((status = 200, description = "The secrets, all on one page", body = List<NamedSecret>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(List::from(caller.runtime.secrets().list(&caller.who)?)))
}

/// Set a secret
///
/// Your servers get it where a value of their `env` or headers, or their client secret, has `${secret:NAME}`. Those
/// that run with another value are replaced without losing a call, and those that failed for want of it start. Needs
/// `mcp:write`; without it, a login with `mcp:execute`.
#[utoipa::path(put, path = "/api/secrets/{name}", tag = "secrets",
    params(("name" = String, Path,
        description = "Its name: 1 to 64 letters, digits and `_.-`, beginning with a letter or `_`")),
    request_body(content = SecretBody, example = json!({"value": "a token"})),
    responses((status = 200, description = "The changed secret, without its value", body = NamedSecret),
        (status = 201, description = "The new secret, without its value", body = NamedSecret),
        (status = 409, description = "Code `conflict`: you have 100")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn set(
    caller: Caller,
    PathId(SecretName(name)): PathId<SecretName>,
    Json(body): Json<SecretBody>,
) -> HandlerResult {
    let change = SecretChange { value: body.value.map(|text| text.0), servers: body.servers.map(ids).transpose()? };
    let (secret, is_new) = caller.runtime.secrets().set(&caller.who, &name, change).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(secret))
}

/// Remove a secret
///
/// Servers that have it are ended, and fail with its name until it is set again or they refer to it no more.
#[utoipa::path(delete, path = "/api/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn remove(caller: Caller, PathId(SecretName(name)): PathId<SecretName>) -> HandlerResult {
    caller.runtime.secrets().remove(&caller.who, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn ids(texts: Vec<Text>) -> Result<Vec<ServerId>, Error> {
    let id = |(index, Text(text)): (usize, Text)| {
        text.parse().map_err(|_| Error::invalid(format!("/servers/{index}"), "must be the id of a server"))
    };
    texts.into_iter().enumerate().map(id).collect()
}
