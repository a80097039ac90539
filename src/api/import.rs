//! Servers from and to the configurations of MCP clients.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, Schema, Type},
};

use crate::{
    error::Error,
    model::{StartPreview, TextMap},
    policy::client_file::ClientFormat,
    servers::{ImportAction, Imported, server_view::ServerView},
    web::{HandlerResult, authenticate::Caller, body::Json, query::Query},
};

/// A configuration to take over.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImportBody {
    // Its description is in its schema, as utoipa adds none to that of a function.
    #[schema(schema_with = object_or_text)]
    config: Box<RawValue>,
    /// Values of `${NAME}`, `${NAME:-default}` and `${env:NAME}` in it; Ostler's own environment is not looked at.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    variables: TextMap,
    /// True for a dry run: reports what would be done and changes nothing.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

fn object_or_text() -> Schema {
    let of_type = |kind| ObjectBuilder::new().schema_type(kind).build();
    let description = "An object with `mcpServers` or `servers`; or its text, which may have comments.";
    let choices = OneOfBuilder::new().item(of_type(Type::Object)).item(of_type(Type::String));
    Schema::OneOf(choices.description(Some(description)).build())
}

/// Result of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportView {
    /// Its servers.
    servers: Vec<ImportedView>,
}

/// Result of the import of one server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportedServer)]
struct ImportedView {
    /// Its name in the configuration.
    name: String,
    /// The action taken; in a dry run, the one that would be.
    action: ImportAction,
    /// The reason for which it was refused.
    problem: Option<String>,
    /// Members that mean nothing to Ostler and were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    ignored: Vec<String>,
    /// Remarks on it though it is taken over, such as a relative path in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notes: Vec<String>,
    /// It as it is now; `null` where there is none.
    server: Option<ServerView>,
    /// In a dry run, the program that would be run, and how; `null` for one that is refused or at a `url`.
    start: Option<StartPreview>,
}

impl From<Imported> for ImportedView {
    fn from(Imported { name, action, problem, ignored, notes, server, start }: Imported) -> Self {
        Self { name, action, problem, ignored, notes, server: server.map(ServerView::from), start }
    }
}

/// Take over a client's configuration
///
/// Servers as Claude, Cursor or VS Code have them in their files, by the same rules as registering each by hand. One of
/// the same name among your own is changed to what the configuration says. What is refused does not hold up the rest.
#[utoipa::path(post, path = "/api/mcp/import", tag = "servers",
    request_body(content = ImportBody, example = json!({
        "config": {"mcpServers": {"files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "${DIR}"]}}},
        "variables": {"DIR": "/srv/files"}, "dryRun": true
    })),
    responses((status = 200, description = "What became of each server", body = ImportView)),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn import(caller: Caller, Json(body): Json<ImportBody>) -> HandlerResult {
    let text = body.config.get();
    let text = if text.starts_with('"') {
        serde_json::from_str(text).map_err(|error| Error::invalid("/config", error.to_string()))?
    } else {
        text.to_owned()
    };
    let imported = caller.runtime.servers().import(&caller.who, &text, &body.variables.0, body.dry_run).await?;
    Ok(HttpResponse::Ok().json(ImportView { servers: imported.into_iter().map(ImportedView::from).collect() }))
}

/// Client whose configuration format is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    /// Claude Code, Claude Desktop.
    #[default]
    Claude,
    /// Cursor.
    Cursor,
    /// VS Code.
    Vscode,
    /// Another Ostler.
    Ostler,
}

/// In which form servers are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `claude`, `cursor`, `vscode` or `ostler`, which alone holds everything.
    #[serde(default)]
    #[param(inline, value_type = Option<FormatName>)]
    format: FormatName,
}

/// Give out your servers as a client's configuration
///
/// Your own servers, with a variable in place of every value of `env` and `headers`.
#[utoipa::path(get, path = "/api/mcp/export", tag = "servers", params(ExportQuery),
    responses((status = 200, description = "The configuration", body = Object)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn export(caller: Caller, Query(query): Query<ExportQuery>) -> HandlerResult {
    let format = match query.format {
        FormatName::Claude => ClientFormat::Claude,
        FormatName::Cursor => ClientFormat::Cursor,
        FormatName::Vscode => ClientFormat::VsCode,
        FormatName::Ostler => ClientFormat::Ostler,
    };
    Ok(HttpResponse::Ok().json(caller.runtime.servers().export(&caller.who, format)?))
}
