//! Resource usage of a server's processes.

use actix_web::HttpResponse;

use crate::{
    history::UsageHistory,
    model::ServerId,
    web::{HandlerResult, authenticate::Caller, query::PathId},
};

/// See what a server uses
///
/// Processor, memory, descriptors and processes of its whole process tree, whatever detached itself included, each 10 s
/// for an hour. A server at a URL has no processes here.
#[utoipa::path(get, path = "/api/mcp/{id}/usage", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "What it uses and used", body = UsageHistory)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn usage(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.history().usage(&caller.who, id)?))
}
