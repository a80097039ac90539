//! Registering, reading, changing and removing servers.

use actix_web::{HttpRequest, HttpResponse, http::header};

use crate::{
    api::{
        server_body::ServerChangeBody,
        server_view::{List, ServerItem},
    },
    error::{Error, Noun},
    history::Statistics,
    model::{ServerId, new_server::NewServerBody},
    servers::{
        HealthReport,
        server_view::{DetailsView, ServerView},
    },
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        conditional::{IfMatch, etag},
        query::{PageQuery, PathId, Query},
    },
};

/// List your servers
///
/// Your own servers and those shared with you.
#[utoipa::path(get, path = "/api/mcp", tag = "servers", params(PageQuery),
    responses((status = 200, description = "A page of servers", body = List<ServerItem>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller, Query(query): Query<PageQuery>) -> HandlerResult {
    let page = caller.runtime.servers().list(&caller.who, &query.into())?;
    Ok(HttpResponse::Ok().json(List::from(page.map(ServerItem::from))))
}

/// Register a server
///
/// A program of this machine (`command`) or a server elsewhere (`url`). An enabled one starts at once; the answer does
/// not wait for that. Unless `MCP_ALLOWED_COMMANDS` says otherwise, only holders of `mcp:manage` may write a command
/// line. A `url` may lead to public addresses only, unless `MCP_PRIVATE_ADDRESSES` is set.
#[utoipa::path(post, path = "/api/mcp", tag = "servers",
    request_body(content = NewServerBody, example = json!({
        "name": "Files", "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/srv/files"]
    })),
    responses(
        (status = 201, description = "The server", body = ServerView, headers(
            ("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its revision"))),
        (status = 403, description = "Code `command_not_allowed`: the command line is not one you may write"),
    ),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn create(request: HttpRequest, caller: Caller, Json(body): Json<NewServerBody>) -> HandlerResult {
    let details = caller.runtime.servers().create(&caller.who, body.try_into()?).await?;
    let location = format!("{}/{}", request.path(), details.server.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header(etag(&details.revision))
        .json(ServerView::from(details.server)))
}

/// Read a server
///
/// Its configuration with masked values of `env` and `headers`, its figures and the state of its process. Command line,
/// environment, address and headers are left empty for callers who may neither read nor change it; its last output, for
/// those who may not read it.
#[utoipa::path(get, path = "/api/mcp/{id}", tag = "servers", params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "The server", body = DetailsView, headers(
        ("ETag" = String, description = "The revision of its configuration, for `If-Match`; figures and state change \
            without it, so `If-None-Match` is not looked at")))),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    let details = caller.runtime.servers().get(&caller.who, id)?;
    Ok(HttpResponse::Ok().insert_header(etag(&details.revision)).json(DetailsView::from(details)))
}

/// Change a server
///
/// Fields left out stay as they are, and so does a value of `env` or `headers` that is sent back masked. A running
/// server is replaced without losing a call. With `If-Match`, the change is made to the revision you read or not at
/// all.
#[utoipa::path(put, path = "/api/mcp/{id}", tag = "servers",
    params(("id" = String, Path, description = "The server"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` you were given, or `*`")),
    request_body(content = ServerChangeBody, example = json!({"name": "Team files", "enabled": true})),
    responses(
        (status = 200, description = "The changed server", body = ServerView, headers(
            ("ETag" = String, description = "Its new revision"))),
        (status = 403, description = "Code `command_not_allowed`: the command line is not one you may write"),
        (status = 412, description = "Code `precondition_failed`: it has changed since you read it"),
    ),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn update(
    request: HttpRequest,
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Json(body): Json<ServerChangeBody>,
) -> HandlerResult {
    let Caller { who, runtime, .. } = &caller;
    let wanted = IfMatch::of(request.headers())?;
    let revision = wanted.choose(|| Ok(runtime.servers().get(who, id)?.revision))?;
    let details = runtime.servers().update(who, id, body.try_into()?, revision).await?;
    Ok(HttpResponse::Ok().insert_header(etag(&details.revision)).json(ServerView::from(details.server)))
}

/// Remove a server
///
/// Its process ends. Its calls are kept in the database, but no longer shown.
#[utoipa::path(delete, path = "/api/mcp/{id}", tag = "servers",
    params(("id" = String, Path, description = "The server"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` you were given, or `*`")),
    responses((status = 204, description = "It is gone"),
        (status = 412, description = "Code `precondition_failed`: it has changed since you read it")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn delete(request: HttpRequest, caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    let Caller { who, runtime, .. } = &caller;
    if let IfMatch::Revisions(revisions) = IfMatch::of(request.headers())?
        && !revisions.contains(&runtime.servers().get(who, id)?.revision)
    {
        return Err(Error::Stale(Noun::Server).into());
    }
    runtime.servers().delete(who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Check the health of your servers
///
/// Asks every server you may see how it is, now.
#[utoipa::path(get, path = "/api/mcp/health/check", tag = "servers",
    responses((status = 200, description = "How they are", body = HealthReport)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn check_health(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.servers().check_health(&caller.who).await?))
}

/// List every server
#[utoipa::path(get, path = "/api/mcp/admin/all", tag = "servers", params(PageQuery),
    responses((status = 200, description = "A page of servers", body = List<ServerItem>)),
    security(("bearer" = ["mcp:manage"])))]
pub(crate) async fn list_all(caller: Caller, Query(query): Query<PageQuery>) -> HandlerResult {
    let page = caller.runtime.servers().list_all(&caller.who, &query.into())?;
    Ok(HttpResponse::Ok().json(List::from(page.map(ServerItem::from))))
}

/// Count everything
///
/// Totals over every server, by status, calls, errors, times and restarts.
#[utoipa::path(get, path = "/api/mcp/admin/statistics", tag = "servers",
    responses((status = 200, description = "The totals", body = Statistics)),
    security(("bearer" = ["mcp:manage"])))]
pub(crate) async fn statistics(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.history().statistics(&caller.who)?))
}
