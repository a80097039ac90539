//! One's own API keys.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{
        Answer,
        access::Caller,
        body::{Json, Text},
        query::{Id, PageQuery, Query},
        views::List,
    },
    model::{ApiKey, KeyId, Permission, Timestamp},
};

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewKeyBody {
    /// What to call it, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
    /// What it may do at most; left out means all that its owner may.
    permissions: Option<Vec<Permission>>,
    /// When it ends; left out means never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewKey)]
pub(super) struct NewKeyView {
    #[serde(flatten)]
    listed: ApiKey,
    /// The whole key, shown this once; send it as `Authorization: Bearer …`.
    key: String,
}

/// List your API keys
#[utoipa::path(get, path = "/api/auth/keys", tag = "keys", params(PageQuery),
    responses((status = 200, description = "A page of keys, without their secrets", body = List<ApiKey>)),
    security(("bearer" = [])))]
pub(super) async fn list(caller: Caller, Query(query): Query<PageQuery>) -> Answer {
    let keys = caller.runtime.keys(&caller.who, query.into()).await?;
    Ok(HttpResponse::Ok().json(List::from(keys)))
}

/// Make an API key
///
/// The answer shows the key; nothing ever shows it again.
#[utoipa::path(post, path = "/api/auth/keys", tag = "keys",
    request_body(content = NewKeyBody, example = json!({"name": "nightly build", "permissions": ["mcp:read", "mcp:execute"]})),
    responses((status = 201, description = "The key", body = NewKeyView)),
    security(("bearer" = [])))]
pub(super) async fn create(caller: Caller, Json(body): Json<NewKeyBody>) -> Answer {
    let permissions = body.permissions.map(|list| list.into_iter().collect());
    let made = caller.runtime.create_key(&caller.who, &body.name.0, permissions, body.expires_at).await?;
    Ok(HttpResponse::Created().json(NewKeyView { listed: made.key, key: made.secret }))
}

/// Remove an API key
///
/// It ends at once.
#[utoipa::path(delete, path = "/api/auth/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = [])))]
pub(super) async fn delete(caller: Caller, Id(id): Id<KeyId>) -> Answer {
    caller.runtime.delete_key(&caller.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
