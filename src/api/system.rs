//! Version, database, limits and settings of this installation, and the facilities of its machine.

use actix_web::HttpResponse;

use crate::{
    model::Machine,
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

/// See how servers can be contained here
///
/// The facilities of this machine, tried now: for each what there is, why it is not more, and what to do about it.
/// `ostler doctor` shows the same in a terminal.
#[utoipa::path(get, path = "/api/system/isolation", tag = "state",
    responses((status = 200, description = "What the machine offers", body = Machine)),
    security(("bearer" = ["mcp:manage"])))]
pub(crate) async fn isolation(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.machine(&caller.who).await?))
}
