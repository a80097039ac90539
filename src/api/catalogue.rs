//! The catalogue: servers that can be added by name.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    catalogue::SourceState,
    model::{StartPreview, Text, TextMap, Timestamp},
    policy::catalogue::{self, CatalogueField},
    servers::{
        answered::AnsweredServer,
        catalogue::{CatalogueOrder, CataloguePage, CatalogueSearch, FoundEntry},
        server_view::ServerView,
    },
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        mount,
        query::{EntryName, PathId, Query},
    },
};

/// The path of a server, before its id.
const SERVERS_PATH: &str = "/api/mcp";

/// Entries of the catalogue to return.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CatalogueQuery {
    /// Words that an entry must have, all of them.
    #[serde(default)]
    #[param(required = false)]
    search: String,
    /// A category.
    category: Option<String>,
    /// A source: `ostler` for what is built in, or a name of `MCP_CATALOGUES`.
    source: Option<String>,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
}

/// A server that can be added by name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CatalogueItem)]
struct CatalogueItemView {
    /// Its name in the catalogue; of a further source, it begins with the name of that and a colon.
    name: String,
    /// Its source: `ostler` for what is built in, or a name of `MCP_CATALOGUES`.
    source: String,
    /// Its version; may be empty.
    version: String,
    /// Its name for people.
    title: String,
    /// Its purpose; may be empty.
    description: String,
    /// Its category, one word; may be empty.
    category: String,
    /// Its page on the web.
    website_url: Option<String>,
    /// The registry of its package, `npm`, `pypi`, `oci` or `nuget`; `remote` for a server elsewhere.
    registry: String,
    /// Its package, or its URL.
    package: String,
    /// True where it was started in this version, and listed its tools.
    tried: bool,
    /// Names of the answers that it needs.
    needs: Vec<String>,
    /// The reason why it cannot be run here; `null` where it can.
    refusal: Option<String>,
    /// SHA-256 of the package's file, in hexadecimal, where its author gives one. Ostler does not compare it.
    file_sha256: Option<String>,
}

impl From<&FoundEntry> for CatalogueItemView {
    fn from(FoundEntry { entry, refusal }: &FoundEntry) -> Self {
        let (registry, package) = entry.source().unwrap_or_default();
        let needs = catalogue::fields(entry).into_iter().filter(|field| field.is_required);
        Self {
            name: entry.id().to_owned(),
            source: entry.source_name().to_owned(),
            version: entry.version.clone(),
            title: entry.shown_name().to_owned(),
            description: entry.description.clone(),
            category: entry.preset().category.clone(),
            website_url: entry.website_url.clone(),
            registry: registry.to_owned(),
            package: package.to_owned(),
            tried: entry.preset().tried,
            needs: needs.map(|field| field.name).collect(),
            refusal: refusal.clone(),
            file_sha256: entry.file_sha256().map(ToOwned::to_owned),
        }
    }
}

/// A page of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CatalogueList)]
struct CatalogueListView {
    /// Its entries: built-in ones before those of further sources.
    items: Vec<CatalogueItemView>,
    /// Send it as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
    /// The further sources.
    sources: Vec<CatalogueSourceView>,
}

/// A further source of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CatalogueSource)]
struct CatalogueSourceView {
    /// Its name.
    name: String,
    /// Entries that there are of it.
    entries: usize,
    /// When it was last found to be as it is shown; `null` before it was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Timestamp>,
    /// The reason why it cannot be read now: its entries may be stale.
    problem: Option<String>,
    /// Entries that cannot be read, with the reason; of many the first.
    skipped: Vec<String>,
    /// True when it has more entries than are taken.
    is_cut: bool,
}

impl From<SourceState> for CatalogueSourceView {
    fn from(SourceState { name, entries, skipped, is_cut, checked_at, problem }: SourceState) -> Self {
        Self { name, entries, checked_at, problem, skipped: skipped.to_vec(), is_cut }
    }
}

/// An entry of the catalogue, with its questions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CatalogueEntry)]
pub(crate) struct CatalogueEntryView {
    #[serde(flatten)]
    item: CatalogueItemView,
    /// Its questions, those that need an answer first.
    fields: Vec<CatalogueField>,
}

/// Answers that make a server of an entry, or of a template.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstallBody {
    /// The server's name; left out, the entry's title, or the name that the template says.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    name: Option<Text>,
    /// Answers by the names of its `fields`. Secrets among them become secrets of yours; a reference to one
    /// that you have, as `${secret:NAME}`, is taken as it is.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, required = false)]
    values: TextMap,
    /// True for a dry run: reports what would be run and changes nothing.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) dry_run: bool,
}

impl InstallBody {
    /// The server's name, and the answers.
    pub(super) fn answers(self) -> (Option<String>, BTreeMap<String, String>) {
        (self.name.map(|text| text.0), self.values.0)
    }
}

/// A server of the catalogue or of a template, registered or foreseen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstalledView {
    /// It as it is now; `null` in a dry run.
    server: Option<ServerView>,
    /// In a dry run, the program that would be run, and how; `null` for one at a `url`.
    start: Option<StartPreview>,
    /// Names of the secrets that its answers are kept as.
    secrets: Vec<String>,
}

impl InstalledView {
    /// The answer to the one who ordered it.
    pub(super) fn answer(request: &HttpRequest, done: AnsweredServer) -> HttpResponse {
        let AnsweredServer { server, start, secrets } = done;
        let mut answer = HttpResponse::Ok();
        if let Some(server) = &server {
            let location = format!("{}{SERVERS_PATH}/{}", mount::path(request), server.id);
            answer = HttpResponse::Created();
            answer.insert_header((header::LOCATION, location));
        }
        answer.json(Self { server: server.map(ServerView::from), start, secrets })
    }
}

/// Search the catalogue
///
/// Servers that can be added by name, those with a word of `search` in their title first. At most 200 on a page.
#[utoipa::path(get, path = "/api/catalogue", tag = "catalogue", params(CatalogueQuery),
    responses((status = 200, description = "The entries", body = CatalogueListView)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn list(caller: Caller, Query(query): Query<CatalogueQuery>) -> HandlerResult {
    let CatalogueQuery { search: words, category, source, cursor } = query;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let search = CatalogueSearch { words, category: given(category), source: given(source), cursor };
    let CataloguePage { entries, next_cursor, sources } =
        caller.runtime.servers().catalogue(&caller.who, search).await?;
    let items = entries.iter().map(CatalogueItemView::from).collect();
    let sources = sources.into_iter().map(CatalogueSourceView::from).collect();
    Ok(HttpResponse::Ok().json(CatalogueListView { items, next_cursor, sources }))
}

/// Read an entry of the catalogue
#[utoipa::path(get, path = "/api/catalogue/{name}", tag = "catalogue",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The entry, with its questions", body = CatalogueEntryView)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get(caller: Caller, PathId(EntryName(name)): PathId<EntryName>) -> HandlerResult {
    let found = caller.runtime.servers().found_entry(&caller.who, &name).await?;
    let view = CatalogueEntryView { item: (&found).into(), fields: catalogue::fields(&found.entry) };
    Ok(HttpResponse::Ok().json(view))
}

/// Add a server from the catalogue
///
/// By the same rules as registering it by hand. It starts at once; the answer does not wait for that.
#[utoipa::path(post, path = "/api/catalogue/{name}/install", tag = "catalogue",
    params(("name" = String, Path, description = "The entry's name")),
    request_body(content = InstallBody, example = json!({"values": {"GITHUB_PERSONAL_ACCESS_TOKEN": "a token"}})),
    responses(
        (status = 200, description = "In a dry run, what would be run", body = InstalledView),
        (status = 201, description = "The server", body = InstalledView, headers(
            ("Location" = String, description = "Where it is"))),
        (status = 403, description = "Code `command_not_allowed`: the command line is not one you may write"),
    ),
    security(("bearer" = ["mcp:write"])))]
pub(crate) async fn install(
    request: HttpRequest,
    caller: Caller,
    PathId(EntryName(entry)): PathId<EntryName>,
    Json(body): Json<InstallBody>,
) -> HandlerResult {
    let dry_run = body.dry_run;
    let (name, values) = body.answers();
    let order = CatalogueOrder { entry, name, values };
    let done = caller.runtime.servers().install(&caller.who, order, dry_run).await?;
    Ok(InstalledView::answer(&request, done))
}
