//! Packages that servers are started from: what is installed, and other versions of it.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::server_view::List,
    error::Error,
    model::{AvailableVersions, InstalledPackage, PackageUpdate, ServerId, Text},
    servers::UpdateMode,
    web::{HandlerResult, authenticate::Caller, body::Json, query::PathId},
};

/// An update of a server's package.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateBody {
    /// True for a dry run: installs the new versions and tries them out, and leaves the server as it is.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
    /// The `revision` of a dry run: its tools are accepted with the update. Left out, tools that are new or not as they
    /// were accepted wait for that.
    #[schema(value_type = Option<String>)]
    revision: Option<Text>,
}

impl TryFrom<UpdateBody> for UpdateMode {
    type Error = Error;

    fn try_from(body: UpdateBody) -> Result<Self, Error> {
        match (body.dry_run, body.revision) {
            (true, Some(_)) => Err(Error::invalid("/revision", "must not be given for a dry run")),
            (true, None) => Ok(Self::DryRun),
            (false, None) => Ok(Self::Move),
            (false, Some(revision)) => Ok(Self::Accept(revision.0)),
        }
    }
}

/// List installed packages
///
/// Those that your servers and those shared with you run, or may be rolled back to; of all servers with `mcp:manage`.
#[utoipa::path(get, path = "/api/packages", tag = "packages",
    responses((status = 200, description = "The installations, all on one page", body = List<InstalledPackage>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(List::from(caller.runtime.servers().packages(&caller.who)?)))
}

/// Look for other versions of a package
///
/// Resolves what the command line of the server asks for once more, and says which packages are others. Changes
/// nothing.
#[utoipa::path(get, path = "/api/mcp/{id}/package/available", tag = "packages",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "What it runs, and what there is", body = AvailableVersions),
        (status = 409, description = "Code `conflict`: it runs no package that Ostler installed"),
        (status = 500, description = "Code `spawn_failed`: its registry does not say")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn available(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.servers().available_package(&caller.who, id).await?))
}

/// Update a package
///
/// Installs what the command line of the server asks for now beside what it runs, and starts a process of that, which
/// serves no caller. Where that becomes ready, the server is moved to it without losing a call; otherwise it stays as
/// it is. A dry run ends before the server is moved.
#[utoipa::path(post, path = "/api/mcp/{id}/package/update", tag = "packages",
    params(("id" = String, Path, description = "The server")),
    request_body(content = UpdateBody, example = json!({"dryRun": true})),
    responses((status = 200, description = "The versions and the tools that are others", body = PackageUpdate),
        (status = 409, description = "Code `conflict`: it runs no package that Ostler installed, is being updated \
            already, or has other tools than those of the `revision`"),
        (status = 500, description = "Code `spawn_failed`: the new versions cannot be had, or do not become ready")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn update(
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Json(body): Json<UpdateBody>,
) -> HandlerResult {
    let update = caller.runtime.servers().update_package(&caller.who, id, body.try_into()?).await?;
    Ok(HttpResponse::Ok().json(update))
}

/// Roll a package back
///
/// The server runs the versions that it ran before its last update, and the tools that were accepted with them are
/// accepted again. Rolled back once more, it runs the newer ones again.
#[utoipa::path(post, path = "/api/mcp/{id}/package/rollback", tag = "packages",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "What it ran, and what it runs now", body = AvailableVersions),
        (status = 409, description = "Code `conflict`: there is nothing to roll back to"),
        (status = 500, description = "Code `spawn_failed`: they do not become ready any more")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn roll_back(caller: Caller, PathId(id): PathId<ServerId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.servers().roll_back_package(&caller.who, id).await?))
}
