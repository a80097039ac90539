//! Starting, stopping and restarting a server's process, and the tools it offers.

use actix_web::HttpResponse;
use utoipa::ToSchema;

use crate::{
    api::server_view::{List, RuntimeStatusView},
    model::{RuntimeStatus, ServerId},
    web::{HandlerResult, authenticate::Caller, query::PathId},
};

/// A tool as its server describes it (specification, server/tools); a server may add members of its own.
#[derive(ToSchema)]
#[schema(as = Tool, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what servers write")]
pub(crate) struct ToolView {
    /// Its name, unique in the server.
    name: String,
    /// Its name for people.
    #[schema(nullable = false)]
    title: Option<String>,
    /// Its purpose, for models.
    #[schema(nullable = false)]
    description: Option<String>,
    /// JSON Schema of its arguments.
    #[schema(value_type = Object, required = false)]
    input_schema: (),
    /// JSON Schema of its structured result.
    #[schema(value_type = Object, required = false)]
    output_schema: (),
    /// Hints about its effects.
    #[schema(nullable = false)]
    annotations: Option<ToolAnnotationsView>,
}

/// Hints about the effects of a tool, which its server gives: they need not be true.
#[derive(ToSchema)]
#[schema(as = ToolAnnotations, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what servers write")]
pub(crate) struct ToolAnnotationsView {
    /// Its name for people, where `title` is absent.
    #[schema(nullable = false)]
    title: Option<String>,
    /// True when it changes nothing.
    #[schema(nullable = false)]
    read_only_hint: Option<bool>,
    /// True when it may delete or overwrite.
    #[schema(nullable = false)]
    destructive_hint: Option<bool>,
    /// True when a repeated call with equal arguments has no further effect.
    #[schema(nullable = false)]
    idempotent_hint: Option<bool>,
    /// True when it reaches systems outside the server.
    #[schema(nullable = false)]
    open_world_hint: Option<bool>,
}

/// Start a server
///
/// Answers once it is ready; one that is ready already is no fault.
#[utoipa::path(post, path = "/api/mcp/{id}/start", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "It is ready", body = RuntimeStatusView),
        (status = 500, description = "Code `spawn_failed`: the process cannot be started; see `detail` and `stderr`"),
        (status = 503, description = "Code `server_unavailable`: it was stopped before it was ready")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn start(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(answer(caller.runtime.servers().start(&caller.who, id).await?))
}

/// Stop a server
///
/// Answers once no process of it is left; one that is stopped already is no fault.
#[utoipa::path(post, path = "/api/mcp/{id}/stop", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "It is stopped", body = RuntimeStatusView)),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn stop(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(answer(caller.runtime.servers().stop(&caller.who, id).await?))
}

/// Restart a server
///
/// Answers once it is ready again.
#[utoipa::path(post, path = "/api/mcp/{id}/restart", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "It is ready", body = RuntimeStatusView),
        (status = 500, description = "Code `spawn_failed`: the process cannot be started; see `detail` and `stderr`"),
        (status = 503, description = "Code `server_unavailable`: it was stopped before it was ready")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn restart(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(answer(caller.runtime.servers().restart(&caller.who, id).await?))
}

/// List a server's tools
///
/// Each as the server describes it; waits for a starting server.
#[utoipa::path(get, path = "/api/mcp/{id}/tools", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "The tools, all on one page", body = List<ToolView>),
        (status = 503, description = "Code `server_unavailable`: it is not running"),
        (status = 504, description = "Code `call_timeout`: it was not ready within `MCP_CALL_TIMEOUT_MS`")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn tools(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    let tools = caller.runtime.listings().tools(&caller.who, id).await?;
    Ok(HttpResponse::Ok().json(List::from(tools.iter().collect::<Vec<_>>())))
}

fn answer(runtime_status: RuntimeStatus) -> HttpResponse {
    HttpResponse::Ok().json(RuntimeStatusView { runtime_status })
}
