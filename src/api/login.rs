//! Logging in and out, and one's own account.

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    model::{PasswordChange, PermissionSet, Text, Timestamp, User},
    web::{
        HandlerResult,
        authenticate::{AnonymousCaller, Caller, no_session_cookie, session_cookie},
        body::Json,
        trace::CurrentRequestId,
    },
};

/// An address and its password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The account's address.
    #[schema(value_type = String)]
    email: Text,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: Text,
}

/// A login.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Login)]
pub(crate) struct LoginView {
    /// Send it as `Authorization: Bearer …`.
    token: String,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The user who logged in.
    user: User,
}

/// The caller's own account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Me)]
pub(crate) struct MeView {
    #[serde(flatten)]
    user: User,
    /// Permissions of this token or key.
    permissions: PermissionSet,
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PasswordBody {
    /// The password so far.
    #[schema(value_type = String, format = Password)]
    current_password: Text,
    /// The password from now on, 12 to 1024 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1024)]
    new_password: Text,
    /// End every API key of the account as well: an intruder who knew the password may have made one.
    #[serde(default)]
    revoke_keys: bool,
}

/// Log in
///
/// Answers with a token, and sets it as an HttpOnly cookie for browsers.
#[utoipa::path(post, path = "/api/auth/login", tag = "account",
    request_body(content = LoginBody, example = json!({"email": "admin@localhost", "password": "…"})),
    responses((status = 200, description = "The login", body = LoginView)),
    security(()))]
pub(crate) async fn login(
    request: HttpRequest,
    anonymous: AnonymousCaller,
    Json(body): Json<LoginBody>,
) -> HandlerResult {
    let id = Some(CurrentRequestId::of(&request).as_ref().to_owned());
    let login = anonymous.runtime.accounts().login(&body.email.0, &body.password.0, anonymous.address, id).await?;
    let name = anonymous.runtime.accounts().session_cookie();
    let cookie = session_cookie(name, request.headers(), &login.token, login.expires_at);
    Ok(HttpResponse::Ok().cookie(cookie).json(LoginView {
        token: login.token,
        expires_at: login.expires_at,
        user: login.user,
    }))
}

/// Log out
///
/// Ends the session of this token. API keys do not end this way: remove them.
#[utoipa::path(post, path = "/api/auth/logout", tag = "account",
    responses((status = 204, description = "The token has ended")),
    security(("bearer" = [])))]
pub(crate) async fn logout(caller: Caller) -> HandlerResult {
    caller.runtime.accounts().logout(&caller.who).await?;
    Ok(HttpResponse::NoContent().cookie(no_session_cookie(caller.runtime.accounts().session_cookie())).finish())
}

/// Read your account
#[utoipa::path(get, path = "/api/auth/me", tag = "account",
    responses((status = 200, description = "Your account and what this token allows", body = MeView)),
    security(("bearer" = [])))]
pub(crate) async fn me(caller: Caller) -> HandlerResult {
    let user = caller.runtime.accounts().me(&caller.who).await?;
    Ok(HttpResponse::Ok().json(MeView { user, permissions: caller.who.permissions.clone() }))
}

/// Change your password
///
/// Ends all your sessions, this one too; your API keys only with `revokeKeys`.
#[utoipa::path(put, path = "/api/auth/me/password", tag = "account",
    request_body(content = PasswordBody, example = json!({"currentPassword": "…", "newPassword": "…"})),
    responses((status = 204, description = "It is changed; log in again")),
    security(("bearer" = [])))]
pub(crate) async fn change_password(caller: Caller, Json(body): Json<PasswordBody>) -> HandlerResult {
    let PasswordBody { current_password, new_password, revoke_keys } = body;
    let change = PasswordChange { current: current_password.0, new: new_password.0, revoke_keys };
    caller.runtime.accounts().change_password(&caller.who, change).await?;
    Ok(HttpResponse::NoContent().cookie(no_session_cookie(caller.runtime.accounts().session_cookie())).finish())
}
