//! Consenting to the use of remote servers: where to, and the way back.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite},
    http::header,
    web,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    authorizations::{AuthorizationOptions, ConsentRequest},
    model::{ServerId, Text, Timestamp},
    web::html,
    web::{
        HandlerResult,
        authenticate::{AnonymousCaller, Caller},
        body::Json,
        mount,
        problem::Problem,
        query::{PathId, Query},
    },
};

/// Ostler's registration as an OAuth client of the authorization server, where it was registered there by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuthorizeBody {
    /// The client id; without one, Ostler introduces itself.
    #[schema(value_type = Option<String>, max_length = 2048)]
    client_id: Option<Text>,
    /// The secret that came with it; kept encrypted and never shown.
    #[schema(value_type = Option<String>, format = Password, max_length = 4096)]
    client_secret: Option<Text>,
}

/// The authorization request to open in a browser.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Consenting)]
pub(crate) struct ConsentingView {
    /// To be opened in a browser: Ostler's page about this consent, which leads to the authorization server.
    authorization_url: String,
    /// The authorization server.
    issuer: String,
    /// The scopes requested.
    scopes: Vec<String>,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Ostler's metadata as an OAuth client (OAuth Client ID Metadata Document).
#[derive(Serialize, ToSchema)]
#[schema(as = ClientMetadata)]
pub(crate) struct ClientMetadataView {
    /// The URL of this document.
    client_id: String,
    /// In words.
    client_name: &'static str,
    /// The redirect URI: browsers come back to it with the result of the consent.
    redirect_uris: [String; 1],
    /// The grant types that Ostler uses at the token endpoint.
    grant_types: [&'static str; 2],
    /// The response types of its authorization requests.
    response_types: [&'static str; 1],
    /// Client authentication at the token endpoint: `none`, as Ostler is a public client.
    token_endpoint_auth_method: &'static str,
    /// The kind of client (OpenID Connect Dynamic Client Registration).
    application_type: &'static str,
}

/// Ask where to consent to the use of a server
///
/// For a server at a `url` that wants OAuth (its `status` is `unauthorized`). The user who opens `authorizationUrl` in
/// a browser and consents there, within ten minutes, lets everybody who may use the server here use it as them. It
/// starts then.
#[utoipa::path(post, path = "/api/mcp/{id}/authorize", tag = "servers",
    params(("id" = String, Path, description = "The server")),
    request_body(content = AuthorizeBody, example = json!({})),
    responses((status = 200, description = "Where to consent", body = ConsentingView),
        (status = 409, description = "Code `conflict`: it is no server at a `url`, or `OSTLER_PUBLIC_URL` is needed"),
        (status = 503, description = "Code `server_unavailable`: who makes its tokens cannot be found, or takes no stranger")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn authorize(
    request: HttpRequest,
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Json(body): Json<AuthorizeBody>,
) -> HandlerResult {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map(|host| format!("{host}{}", mount::path(&request)));
    let (client_id, client_secret) = (body.client_id.map(|text| text.0), body.client_secret.map(|text| text.0));
    let options = AuthorizationOptions { host, client_id, client_secret };
    let prompt = caller.runtime.authorizations().begin(&caller.who, id, options).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(ConsentingView {
        authorization_url: prompt.authorization_url,
        issuer: prompt.issuer,
        scopes: prompt.scopes,
        expires_at: prompt.expires_at,
    }))
}

/// Take a consent back
///
/// Forgets the server's tokens, and what Ostler is to its authorization servers. There, they hold until they end.
#[utoipa::path(delete, path = "/api/mcp/{id}/authorize", tag = "servers",
    params(("id" = String, Path, description = "The server")),
    responses((status = 204, description = "They are forgotten")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn forget(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    caller.runtime.authorizations().forget(&caller.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The `state` of an authorization request.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsentQuery {
    /// As it stands in `authorizationUrl`.
    state: String,
}

/// Look at a consent that is asked for
///
/// For browsers: the page says who asks, for which server, and has a button that leads on.
#[utoipa::path(get, path = "/oauth/consent", tag = "servers", security(()), params(ConsentQuery),
    responses((status = 200, description = "A page that leads to the authorization server", body = String, content_type = "text/html"),
        (status = 400, description = "Code `malformed_request`: no authorization waits for a consent, or no longer")))]
pub(crate) async fn page(anonymous: AnonymousCaller, Query(query): Query<ConsentQuery>) -> HandlerResult {
    Ok(html_page(&consent_text(&anonymous.runtime.authorizations().consent_request(&query.state)?)))
}

/// Go on to the authorization server
///
/// For browsers: the button of the page. Only a browser that pressed it can come back from there.
#[utoipa::path(post, path = "/oauth/consent", tag = "servers", security(()), params(ConsentQuery),
    responses((status = 303, description = "To the authorization server"),
        (status = 400, description = "Code `malformed_request`: no authorization waits for a consent, or no longer")))]
pub(crate) async fn go_on(anonymous: AnonymousCaller, Query(query): Query<ConsentQuery>) -> HandlerResult {
    let request = anonymous.runtime.authorizations().consent_request(&query.state)?;
    let (name, value) = request.cookie;
    // The way back comes from another site, which a Strict cookie does not survive.
    let cookie = Cookie::build(name, value).path(request.callback_path).http_only(true).same_site(SameSite::Lax);
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, request.authorization_url))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .cookie(cookie.secure(request.is_encrypted).finish())
        .finish())
}

fn consent_text(request: &ConsentRequest) -> String {
    let [requester, server, url, issuer] =
        [&request.requester, &request.server, &request.url, &request.issuer].map(|text| html::escape(text));
    let resource = request.resource.as_deref().map(html::escape);
    let resource = resource.map(|text| format!(", for <b>{text}</b>")).unwrap_or_default();
    let scopes = html::escape(&request.scopes.join(" "));
    let scopes = if scopes.is_empty() { String::new() } else { format!(", to <b>{scopes}</b>") };
    format!(
        "<h1>Use {server} as you?</h1>\
         <p><b>{requester}</b> asks for your consent to the use of the server <b>{server}</b> ({url}). \
         Everybody who may use it in Ostler will act there as you.</p>\
         <p>You consent at <b>{issuer}</b>{scopes}{resource}. If you do not know who asks, or why, close this page.</p>\
         <form method=\"post\"><button>Continue to {issuer}</button></form>"
    )
}

/// A page without a script.
fn html_page(text: &str) -> HttpResponse {
    let page = format!("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Ostler</title>{text}</html>\n");
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(page)
}

/// Come back from consenting
///
/// For browsers, which authorization servers send here with `code` or `error`, `state` and `iss`.
#[utoipa::path(get, path = "/oauth/callback", tag = "servers", security(()),
    responses((status = 200, description = "A page that says so", body = String, content_type = "text/html"),
        (status = 400, description = "Code `malformed_request`: no authorization waits for this response, it comes from another issuer, or to another browser than the one in which the button of `authorizationUrl` was pressed"),
        (status = 403, description = "Code `forbidden`: the authorization server refused"),
        (status = 503, description = "Code `server_unavailable`: it gave no token")))]
pub(crate) async fn callback(request: HttpRequest, anonymous: AnonymousCaller) -> HandlerResult {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let query = query.map_err(|_| Problem::malformed("the query cannot be read"))?;
    let pair = |cookie: &Cookie<'_>| (cookie.name().to_owned(), cookie.value().to_owned());
    let cookies: Vec<_> = request.cookies().map(|cookies| cookies.iter().map(pair).collect()).unwrap_or_default();
    let name = anonymous.runtime.authorizations().complete(&query, &cookies).await?;
    Ok(html_page(&format!("<p>Ostler may use {} now. You can close this page.</p>", html::escape(&name))))
}

/// Read who Ostler is
///
/// For authorization servers that know clients by the URL of their metadata.
#[utoipa::path(get, path = "/oauth/client.json", tag = "servers", security(()),
    responses((status = 200, description = "Who Ostler is", body = ClientMetadataView),
        (status = 404, description = "Code `not_found`: no `OSTLER_PUBLIC_URL` with `https` is configured")))]
pub(crate) async fn document(anonymous: AnonymousCaller) -> HandlerResult {
    let metadata = anonymous.runtime.authorizations().client_metadata().ok_or_else(Problem::no_page)?;
    Ok(HttpResponse::Ok().json(ClientMetadataView {
        client_id: metadata.client_id,
        client_name: "Ostler",
        redirect_uris: [metadata.redirect_uri],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        application_type: "web",
    }))
}
