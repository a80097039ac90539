//! Templates of servers: made, changed, removed and applied, and servers made of them.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        catalogue::{InstallBody, InstalledView},
        server_view::List,
    },
    model::{ServerId, TemplateId, Timestamp},
    policy::{catalogue::CatalogueField, template::ServerTemplate},
    servers::{
        template_roll::RolledServer,
        templates::{StoredTemplate, TemplateDetails, TemplateOrder},
    },
    web::{HandlerResult, authenticate::Caller, body::Json, query::PathId},
};

/// A template in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TemplateItem)]
pub(crate) struct TemplateItemView {
    /// Opaque id.
    #[schema(value_type = String)]
    id: TemplateId,
    /// Its name.
    name: String,
    /// Its purpose; may be empty.
    description: String,
    /// True when it is everybody's.
    shared: bool,
    /// Names of the answers that it needs.
    needs: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&StoredTemplate> for TemplateItemView {
    fn from(StoredTemplate { id, template, created_at, updated_at, .. }: &StoredTemplate) -> Self {
        let needs = template.fields().into_iter().filter(|field| field.is_required);
        Self {
            id: *id,
            name: template.name.clone(),
            description: template.description.clone(),
            shared: template.shared,
            needs: needs.map(|field| field.name).collect(),
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

/// A template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateDetails)]
pub(crate) struct TemplateView {
    #[serde(flatten)]
    item: TemplateItemView,
    /// It as it is written, and as a file has it.
    template: ServerTemplate,
    /// Its questions, those that need an answer first.
    fields: Vec<CatalogueField>,
    /// The servers made of it that you own; all of them with `mcp:manage`.
    servers: Vec<MadeServer>,
}

/// A server that was made of a template.
#[derive(Debug, Serialize, ToSchema)]
struct MadeServer {
    /// Its id.
    #[schema(value_type = String)]
    id: ServerId,
    /// Its name.
    name: String,
    /// Its answers, of which secrets are references.
    values: BTreeMap<String, String>,
}

impl From<TemplateDetails> for TemplateView {
    fn from(TemplateDetails { stored, servers }: TemplateDetails) -> Self {
        let made = servers.into_iter().map(|(server, values)| MadeServer {
            id: server.id,
            name: server.server.load().config.name.clone(),
            values,
        });
        let servers = made.collect();
        Self { item: (&stored).into(), fields: stored.template.fields(), template: stored.template, servers }
    }
}

/// A wish to apply a template.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RollBody {
    /// True for a dry run: reports what would change of each server and changes nothing.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

/// Servers that a template was applied to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Roll)]
pub(crate) struct RollView {
    /// Each of them, in the order in which they are changed.
    servers: Vec<RolledServer>,
}

/// List templates
///
/// Your own and those of everybody, by name.
#[utoipa::path(get, path = "/api/templates", tag = "templates",
    responses((status = 200, description = "The templates, all on one page", body = List<TemplateItemView>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller) -> HandlerResult {
    let found = caller.runtime.servers().templates(&caller.who).await?;
    Ok(HttpResponse::Ok().json(List::from(found.iter().map(TemplateItemView::from).collect::<Vec<_>>())))
}

/// Make a template
///
/// A server with questions in it, which others answer. A `shared` one, which takes `mcp:manage`, allows everybody with
/// `mcp:write` to make the servers that it describes, also where they may not write its command line, its grants or its
/// references themselves.
#[utoipa::path(post, path = "/api/templates", tag = "templates",
    request_body(content = ServerTemplate, example = json!({
        "name": "files", "description": "The files of a team", "shared": true,
        "parameters": {"team": {"isRequired": true, "description": "Name of the team's folder"}},
        "server": {"name": "Files of {team}", "command": "npx",
            "args": ["-y", "@modelcontextprotocol/server-filesystem", "/srv/{team}"]}
    })),
    responses((status = 201, description = "The template", body = TemplateView, headers(
        ("Location" = String, description = "Where it is")))),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn create(request: HttpRequest, caller: Caller, Json(body): Json<ServerTemplate>) -> HandlerResult {
    let stored = caller.runtime.servers().create_template(&caller.who, body).await?;
    let location = format!("{}/{}", request.path(), stored.id);
    let view = TemplateView::from(TemplateDetails { stored, servers: Vec::new() });
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view))
}

/// Read a template
#[utoipa::path(get, path = "/api/templates/{id}", tag = "templates",
    params(("id" = String, Path, description = "The template")),
    responses((status = 200, description = "The template, with its servers", body = TemplateView)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get(caller: Caller, PathId(id): PathId<TemplateId>) -> HandlerResult {
    let details = caller.runtime.servers().template(&caller.who, id).await?;
    Ok(HttpResponse::Ok().json(TemplateView::from(details)))
}

/// Replace a template
///
/// Servers that were made of it stay as they are until it is applied to them.
#[utoipa::path(put, path = "/api/templates/{id}", tag = "templates",
    params(("id" = String, Path, description = "The template")),
    request_body(content = ServerTemplate, example = json!({
        "name": "clock", "server": {"name": "Clock", "command": "uvx", "args": ["mcp-server-time"]}
    })),
    responses((status = 200, description = "The changed template", body = TemplateView)),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn update(
    caller: Caller,
    PathId(id): PathId<TemplateId>,
    Json(body): Json<ServerTemplate>,
) -> HandlerResult {
    let servers = caller.runtime.servers();
    servers.update_template(&caller.who, id, body).await?;
    Ok(HttpResponse::Ok().json(TemplateView::from(servers.template(&caller.who, id).await?)))
}

/// Remove a template
///
/// The servers that were made of it stay.
#[utoipa::path(delete, path = "/api/templates/{id}", tag = "templates",
    params(("id" = String, Path, description = "The template")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn delete(caller: Caller, PathId(id): PathId<TemplateId>) -> HandlerResult {
    caller.runtime.servers().delete_template(&caller.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Add a server of a template
///
/// It starts at once, unless the template says otherwise; the answer does not wait for that.
#[utoipa::path(post, path = "/api/templates/{id}/servers", tag = "templates",
    params(("id" = String, Path, description = "The template")),
    request_body(content = InstallBody, example = json!({"values": {"team": "blue"}})),
    responses(
        (status = 200, description = "In a dry run, what would be run", body = InstalledView),
        (status = 201, description = "The server", body = InstalledView, headers(
            ("Location" = String, description = "Where it is"))),
        (status = 403, description = "Code `command_not_allowed`: the template is your own, and its command line is \
            not one you may write"),
    ),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn add_server(
    request: HttpRequest,
    caller: Caller,
    PathId(template): PathId<TemplateId>,
    Json(body): Json<InstallBody>,
) -> HandlerResult {
    let dry_run = body.dry_run;
    let (name, values) = body.answers();
    let order = TemplateOrder { template, name, values };
    let done = caller.runtime.servers().create_from_template(&caller.who, order, dry_run).await?;
    Ok(InstalledView::answer(&request, done))
}

/// Apply a template to its servers
///
/// To each server made of it that you own (all of them with `mcp:manage`), with the answers that it was made with. Its
/// name stays, and whether it runs. One after the other is replaced without losing a call; one that does not become
/// ready stays as it was, and those after it are not tried.
#[utoipa::path(post, path = "/api/templates/{id}/roll", tag = "templates",
    params(("id" = String, Path, description = "The template")),
    request_body(content = RollBody, example = json!({"dryRun": true})),
    responses((status = 200, description = "What became of each server", body = RollView),
        (status = 409, description = "Code `conflict`: a template is being applied already")),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn roll(caller: Caller, PathId(id): PathId<TemplateId>, Json(body): Json<RollBody>) -> HandlerResult {
    let servers = caller.runtime.servers().roll_template(&caller.who, id, body.dry_run).await?;
    Ok(HttpResponse::Ok().json(RollView { servers }))
}
