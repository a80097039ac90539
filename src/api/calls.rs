//! The calls on record: of one server, of all, and one by one.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::server_view::List,
    history::CallDetails,
    model::{CallFilter, CallId, ServerId, Timestamp, ToolCall, UserId},
    web::{
        HandlerResult,
        authenticate::Caller,
        query::{self, PathId, Query},
    },
};

/// Filter and page of the calls of one server.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this tool only.
    tool_name: Option<String>,
    /// Only those that succeeded, or only those that failed.
    success: Option<bool>,
    /// Not before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// List a server's calls
///
/// The calls on record, newest first. Secrets of the server's own environment are masked in them. Arguments and answers
/// of more than 1 KiB are excerpts; `GET /api/calls/{id}` has them as far as they are on record. Where a filter passes
/// over very many, or they are very long, a page may be short or empty and yet have a `nextCursor`: go on with it. With
/// `mcp:execute` and without `mcp:read` on the server, they are the caller's own.
#[utoipa::path(get, path = "/api/mcp/{id}/logs", tag = "calls",
    params(("id" = String, Path, description = "The server"), CallQuery),
    responses((status = 200, description = "A page of calls", body = List<ToolCall>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Query(query): Query<CallQuery>,
) -> HandlerResult {
    let CallQuery { limit, cursor, tool_name, success, since, until } = query;
    let filter = CallFilter { tool_name, success, since, until, user_id: None };
    let calls = caller.runtime.history().calls(&caller.who, id, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(calls)))
}

/// Filter and page of the calls of all servers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AllQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this server only.
    #[param(value_type = Option<String>)]
    server_id: Option<ServerId>,
    /// Of this tool only.
    tool_name: Option<String>,
    /// Only those that succeeded, or only those that failed.
    success: Option<bool>,
    /// Of this caller only.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// Not before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// List calls
///
/// The calls on record of every server that the caller may read, newest first; with `serverId` of one that they may
/// only call, their own. Arguments and answers of more than 1 KiB are excerpts; `GET /api/calls/{id}` has them as far
/// as they are on record. Where a filter passes over very many, or they are very long, a page may be short or empty and
/// yet have a `nextCursor`: go on with it.
#[utoipa::path(get, path = "/api/calls", tag = "calls", params(AllQuery),
    responses((status = 200, description = "A page of calls", body = List<ToolCall>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list_all(caller: Caller, Query(query): Query<AllQuery>) -> HandlerResult {
    let AllQuery { limit, cursor, server_id, tool_name, success, user_id, since, until } = query;
    let filter = CallFilter { tool_name, success, since, until, user_id };
    let calls =
        caller.runtime.history().newest_calls(&caller.who, server_id, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(calls)))
}

/// Read a call
///
/// With the name of its server, and what happened to that from when the call came in to when it was answered. Arguments
/// and answers that were too long to be recorded whole are excerpts with the length and the SHA-256 of the whole.
#[utoipa::path(get, path = "/api/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "The call")),
    responses((status = 200, description = "The call", body = CallDetails)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get(caller: Caller, PathId(id): PathId<CallId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.history().recorded_call(&caller.who, id).await?))
}
