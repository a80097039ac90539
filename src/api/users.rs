//! Accounts, for those who manage them.

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::server_view::List,
    model::{NewUser, Role, Text, User, UserChange, UserId, present},
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        query::{PageQuery, PathId, Query},
    },
};

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewUserBody {
    /// Its address.
    #[schema(value_type = String, max_length = 254)]
    email: Text,
    /// The user's name, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
    /// Its first password, 12 to 1024 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1024)]
    password: Text,
    /// Its role.
    role: Role,
}

/// A change to an account; what is left out stays as it is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UserChangeBody {
    /// New address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 254)]
    email: Option<Text>,
    /// New name, 1 to 128 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 128)]
    name: Option<Text>,
    /// New password; ends every session and every API key of the account.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, format = Password, min_length = 12, max_length = 1024)]
    password: Option<Text>,
    /// New role.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Role, required = false)]
    role: Option<Role>,
    /// Disabling ends every session of the account, and suspends its API keys.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    disabled: Option<bool>,
}

/// List accounts
#[utoipa::path(get, path = "/api/auth/users", tag = "users", params(PageQuery),
    responses((status = 200, description = "A page of accounts", body = List<User>)),
    security(("bearer" = ["users:manage"])))]
pub(crate) async fn list(caller: Caller, Query(query): Query<PageQuery>) -> HandlerResult {
    let users = caller.runtime.accounts().list(&caller.who, query.into()).await?;
    Ok(HttpResponse::Ok().json(List::from(users)))
}

/// Make an account
#[utoipa::path(post, path = "/api/auth/users", tag = "users",
    request_body(content = NewUserBody, example = json!({
        "email": "ada@example.org", "name": "Ada", "password": "…", "role": "developer"
    })),
    responses(
        (status = 201, description = "The account", body = User, headers(
            ("Location" = String, description = "Where it is"))),
        (status = 409, description = "Code `conflict`: the address is taken"),
    ),
    security(("bearer" = ["users:manage"])))]
pub(crate) async fn create(request: HttpRequest, caller: Caller, Json(body): Json<NewUserBody>) -> HandlerResult {
    let new = NewUser { email: body.email.0, name: body.name.0, password: body.password.0, role: body.role };
    let user = caller.runtime.accounts().create(&caller.who, new).await?;
    let location = format!("{}/{}", request.path(), user.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(user))
}

/// Read an account
#[utoipa::path(get, path = "/api/auth/users/{userId}", tag = "users",
    params(("userId" = String, Path, description = "The account")),
    responses((status = 200, description = "The account", body = User)),
    security(("bearer" = ["users:manage"])))]
pub(crate) async fn get(caller: Caller, PathId(id): PathId<UserId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.accounts().get(&caller.who, id).await?))
}

/// Change an account
///
/// The last enabled admin can neither be disabled nor lose the role.
#[utoipa::path(put, path = "/api/auth/users/{userId}", tag = "users",
    params(("userId" = String, Path, description = "The account")),
    request_body(content = UserChangeBody, example = json!({"role": "viewer"})),
    responses((status = 200, description = "The changed account", body = User),
        (status = 409, description = "Code `conflict`: the address is taken, or it is the last admin")),
    security(("bearer" = ["users:manage"])))]
pub(crate) async fn update(
    caller: Caller,
    PathId(id): PathId<UserId>,
    Json(body): Json<UserChangeBody>,
) -> HandlerResult {
    let change = UserChange {
        email: body.email.map(|text| text.0),
        name: body.name.map(|text| text.0),
        password: body.password.map(|text| text.0),
        role: body.role,
        disabled: body.disabled,
    };
    Ok(HttpResponse::Ok().json(caller.runtime.accounts().update(&caller.who, id, change).await?))
}

/// Remove an account
///
/// Its servers end and are removed with it.
#[utoipa::path(delete, path = "/api/auth/users/{userId}", tag = "users",
    params(("userId" = String, Path, description = "The account")),
    responses((status = 204, description = "It is gone"),
        (status = 409, description = "Code `conflict`: it is the last admin")),
    security(("bearer" = ["users:manage"])))]
pub(crate) async fn delete(caller: Caller, PathId(id): PathId<UserId>) -> HandlerResult {
    caller.runtime.accounts().delete(&caller.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
