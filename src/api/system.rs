//! Version, database, limits and settings of this installation.

use actix_web::HttpResponse;

use crate::{
    runtime::System,
    web::{HandlerResult, authenticate::Caller},
};

/// See what this Ostler is
///
/// Its version, its database, its limits, and every setting with where it came from; secrets are not shown.
#[utoipa::path(get, path = "/api/system", tag = "state",
    responses((status = 200, description = "What it is", body = System)),
    security(("bearer" = ["mcp:manage"])))]
pub(crate) async fn read(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.system(&caller.who).await?))
}
