//! What a server's processes use.

use actix_web::HttpResponse;

use crate::{
    http::{Answer, access::Caller, query::Id},
    model::ServerId,
    runtime::UsageHistory,
};

/// See what a server uses
///
/// Processor, memory, descriptors and processes of its whole process tree, whatever detached itself included, each 10 s
/// for an hour. A server at a URL has no processes here.
#[utoipa::path(get, path = "/api/mcp/{id}/usage", tag = "processes",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "What it uses and used", body = UsageHistory)),
    security(("bearer" = ["mcp:read"])))]
pub(super) async fn usage(caller: Caller, Id(id): Id<ServerId>) -> Answer {
    Ok(HttpResponse::Ok().json(caller.runtime.usage(&caller.who, id)?))
}
