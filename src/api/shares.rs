//! Shares of a server with other accounts.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::server_view::List,
    error::Error,
    model::{Permission, ServerId, Share, Text, UserId},
    web::{HandlerResult, authenticate::Caller, body::Json, query::PathId},
};

/// Account to share a server with, and its permissions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ShareBody {
    /// The account's id.
    #[schema(value_type = String)]
    user_id: Text,
    /// Any of `mcp:read`, `mcp:write`, `mcp:execute`.
    permissions: Vec<Permission>,
}

/// List a server's shares
#[utoipa::path(get, path = "/api/mcp/{id}/shares", tag = "shares",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "The shares, all on one page", body = List<Share>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(List::from(caller.runtime.servers().shares(&caller.who, id)?)))
}

/// Share a server
///
/// Sharing again with the same account replaces its permissions. `mcp:execute` alone shows what it takes to call and
/// the receiver's own calls, `mcp:write` alone the configuration; only `mcp:read` shows everybody's calls and standard
/// error.
#[utoipa::path(post, path = "/api/mcp/{id}/shares", tag = "shares",
    params(("id" = String, Path, description = "The server")),
    request_body(content = ShareBody, example = json!({
        "userId": "0198c5de-7a30-7cc1-9d6e-0a4c3f1f7b52", "permissions": ["mcp:read", "mcp:execute"]
    })),
    responses((status = 201, description = "The share", body = Share)),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn create(caller: Caller, PathId(id): PathId<ServerId>, Json(body): Json<ShareBody>) -> HandlerResult {
    let user_id = body.user_id.0.parse().map_err(|_| Error::invalid("/userId", "must be the id of an account"))?;
    let share = Share { user_id, permissions: body.permissions };
    Ok(HttpResponse::Created().json(caller.runtime.servers().share(&caller.who, id, share).await?))
}

/// End a share
#[utoipa::path(delete, path = "/api/mcp/{id}/shares/{userId}", tag = "shares",
    params(("id" = String, Path, description = "The server"), ("userId" = String, Path, description = "The account")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn delete(
    caller: Caller,
    PathId(id): PathId<ServerId>,
    PathId(user): PathId<UserId>,
) -> HandlerResult {
    caller.runtime.servers().unshare(&caller.who, id, user).await?;
    Ok(HttpResponse::NoContent().finish())
}
