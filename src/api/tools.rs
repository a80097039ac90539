//! Tools of a server that are not as they were accepted.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::server_view::List,
    model::{AcceptedTool, ServerId, ToolChange},
    web::{HandlerResult, authenticate::Caller, body::Json, query::PathId},
};

/// Tools to accept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AcceptBody {
    /// Each with the hash that its change has, so that nothing is accepted that was not looked at.
    tools: Vec<AcceptedTool>,
}

/// List tools that wait to be accepted
///
/// Those that changed, or came, since the server's tools were accepted: with its first list, or by a user. They are
/// neither shown to MCP clients nor called. A server that changes its tools by plan is given `tools.changes` `follow`.
#[utoipa::path(get, path = "/api/mcp/{id}/tools/changes", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "The tools, all on one page", body = List<ToolChange>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn changes(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(List::from(caller.runtime.listings().tool_changes(&caller.who, id)?)))
}

/// Accept tools
///
/// One after the other, each as it was looked at; answers with those that still wait.
#[utoipa::path(post, path = "/api/mcp/{id}/tools/accept", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    request_body(content = AcceptBody, example = json!({"tools": [
        {"name": "search", "hash": "57387c72e22c2e822dbfea2b121c9ebbcfbe108998196eb519d935509b14cfb0"}
    ]})),
    responses((status = 200, description = "Tools that still wait", body = List<ToolChange>),
        (status = 409, description = "Code `conflict`: a tool has changed since it was looked at")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn accept(
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Json(body): Json<AcceptBody>,
) -> HandlerResult {
    let waiting = caller.runtime.listings().accept_tools(&caller.who, id, body.tools).await?;
    Ok(HttpResponse::Ok().json(List::from(waiting)))
}
