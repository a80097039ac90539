//! API keys.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::server_view::List,
    model::{ApiKey, KeyId, KeySpec, Permission, Text, Timestamp, UserId},
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        query::{self, PathId, Query},
    },
};

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKeyBody {
    /// Its name, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
    /// Upper bound of its permissions; left out means all that its owner has.
    permissions: Option<Vec<Permission>>,
    /// When it ends; left out means never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<NewKeyBody> for KeySpec {
    fn from(NewKeyBody { name, permissions, expires_at }: NewKeyBody) -> Self {
        let permissions = permissions.map(|list| list.into_iter().collect());
        Self { name: name.0, permissions, expires_at }
    }
}

/// A key just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewKey)]
pub(crate) struct NewKeyView {
    #[serde(flatten)]
    listed: ApiKey,
    /// The whole key, shown this once; send it as `Authorization: Bearer …`.
    key: String,
}

/// Owner and page of a list of keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeysQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this account; left out means the caller's own. Another's needs `users:manage`.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
}

/// Change of a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyChangeBody {
    /// Its new name, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
}

/// List API keys
///
/// Your own, or with `users:manage` those of another account.
#[utoipa::path(get, path = "/api/auth/keys", tag = "keys", params(KeysQuery),
    responses((status = 200, description = "A page of keys, without their secrets", body = List<ApiKey>)),
    security(("bearer" = [])))]
pub(crate) async fn list(caller: Caller, Query(query): Query<KeysQuery>) -> HandlerResult {
    let KeysQuery { limit, cursor, user_id } = query;
    let keys = caller.runtime.accounts().keys().list(&caller.who, user_id, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(keys)))
}

/// Make an API key
///
/// The answer shows the key; nothing ever shows it again. One made with a key has that as its `parentId`, and ends with
/// it.
#[utoipa::path(post, path = "/api/auth/keys", tag = "keys",
    request_body(content = NewKeyBody, example = json!({"name": "nightly build", "permissions": ["mcp:read", "mcp:execute"]})),
    responses((status = 201, description = "The key", body = NewKeyView),
        (status = 409, description = "Code `conflict`: another key of yours has that name, or you have 100")),
    security(("bearer" = [])))]
pub(crate) async fn create(caller: Caller, Json(body): Json<NewKeyBody>) -> HandlerResult {
    let made = caller.runtime.accounts().keys().create(&caller.who, body.into()).await?;
    Ok(HttpResponse::Created().json(NewKeyView { listed: made.key, key: made.secret }))
}

/// Rename an API key
#[utoipa::path(put, path = "/api/auth/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key")),
    request_body(content = KeyChangeBody, example = json!({"name": "nightly build"})),
    responses((status = 200, description = "The key", body = ApiKey),
        (status = 409, description = "Code `conflict`: another key of yours has that name")),
    security(("bearer" = [])))]
pub(crate) async fn rename(
    caller: Caller,
    PathId(id): PathId<KeyId>,
    Json(body): Json<KeyChangeBody>,
) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.accounts().keys().rename(&caller.who, id, &body.name.0).await?))
}

/// Rotate an API key
///
/// Gives it another secret, which the answer shows this once. The one before ends at once, and so do keys made with it.
#[utoipa::path(post, path = "/api/auth/keys/{id}/rotate", tag = "keys",
    params(("id" = String, Path, description = "The key")),
    responses((status = 200, description = "The key", body = NewKeyView)),
    security(("bearer" = [])))]
pub(crate) async fn rotate(caller: Caller, PathId(id): PathId<KeyId>) -> HandlerResult {
    let made = caller.runtime.accounts().keys().rotate(&caller.who, id).await?;
    Ok(HttpResponse::Ok().json(NewKeyView { listed: made.key, key: made.secret }))
}

/// Remove an API key
///
/// It ends at once, and so do those made with it. With `users:manage`, anybody's.
#[utoipa::path(delete, path = "/api/auth/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = [])))]
pub(crate) async fn delete(caller: Caller, PathId(id): PathId<KeyId>) -> HandlerResult {
    caller.runtime.accounts().keys().delete(&caller.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
