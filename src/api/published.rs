//! The servers here as a registry of MCP servers (MCP registry API v0.1), each with its endpoint of Ostler.
//!
//! Descriptions and titles are cut to the lengths that the schema of `server.json` (2025-12-11) has.

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Error, Noun},
    model::{ServerId, Timestamp},
    servers::{ServerDetails, published::PublishedSearch},
    web::{
        HandlerResult,
        authenticate::Caller,
        conditional, mount,
        query::{self, PageLimit, PathId, PathSegment, Query},
    },
};

/// The namespace of the servers' names, before their ids: a name stays when a server is renamed.
const NAMESPACE: &str = "ostler/";

/// Most characters of a title and of a description.
const TEXT_CHARS_MAX: usize = 100;

/// The version that stands for the last one.
const LATEST: &str = "latest";

/// Servers to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegistryQuery {
    /// At most this many servers.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// A part of the server's name.
    search: Option<String>,
    /// Servers changed since then.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    updated_since: Option<Timestamp>,
    /// A version; `latest` and none at all are the same, as there is one of each server.
    version: Option<String>,
}

/// A list of servers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryList)]
struct RegistryListView {
    /// The servers, oldest first.
    servers: Vec<RegistryItemView>,
    /// The list itself.
    metadata: RegistryMetadataView,
}

/// Parts of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistryMetadata)]
struct RegistryMetadataView {
    /// Servers in this part.
    count: usize,
    /// Send it as `cursor` for the next part; left out in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    next_cursor: Option<String>,
}

/// A server, and what its registry says of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryItem)]
struct RegistryItemView {
    /// The server, in the form of `server.json`.
    server: PublishedServerView,
    /// Data of the registry.
    #[serde(rename = "_meta")]
    meta: RegistryMetaView,
}

/// A server in the form of `server.json` (schema of 2025-12-11).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedServer)]
struct PublishedServerView {
    /// Its name: `ostler/` and its id.
    name: String,
    /// Its name for people.
    title: String,
    /// Its purpose.
    description: String,
    /// Another one after each change of its configuration.
    version: String,
    /// Its endpoint.
    remotes: [PublishedRemoteView; 1],
}

/// An endpoint of Ostler.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedRemote)]
struct PublishedRemoteView {
    /// `streamable-http`.
    r#type: &'static str,
    /// Its URL.
    url: String,
    /// The headers to send.
    headers: [PublishedHeaderView; 1],
}

/// A header to send.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublishedHeader)]
struct PublishedHeaderView {
    /// `Authorization`.
    name: &'static str,
    /// Its purpose.
    description: &'static str,
    /// False where a client may get a token of the OAuth issuer instead.
    is_required: bool,
    /// Its value, with the variable in braces.
    value: &'static str,
    /// The variable.
    variables: PublishedVariablesView,
}

/// Variables of a header.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedVariables)]
struct PublishedVariablesView {
    /// The key.
    api_key: PublishedVariableView,
}

/// A variable of a header.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublishedVariable)]
struct PublishedVariableView {
    /// Its purpose.
    description: &'static str,
    /// As the header.
    is_required: bool,
    /// True.
    is_secret: bool,
}

/// Data of the registry about a server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryMeta)]
struct RegistryMetaView {
    /// Its place in time.
    #[serde(rename = "io.modelcontextprotocol.registry/official")]
    official: RegistryStatusView,
}

/// State of a server in its registry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistryStatus)]
struct RegistryStatusView {
    /// `active`.
    status: &'static str,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    published_at: Timestamp,
    /// When its configuration last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// True.
    is_latest: bool,
}

/// The name of a server in the list, `/` in it written as `%2F`.
pub(crate) struct PublishedName(ServerId);

impl FromStr for PublishedName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.replace("%2F", "/").replace("%2f", "/");
        text.strip_prefix(NAMESPACE).and_then(|id| id.parse().ok()).map(Self).ok_or(())
    }
}

impl PathSegment for PublishedName {
    const SEGMENT: &str = "serverName";
    const NOUN: Noun = Noun::Server;
}

/// A version in a path.
pub(crate) struct PublishedVersion(String);

impl FromStr for PublishedVersion {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl PathSegment for PublishedVersion {
    const SEGMENT: &str = "version";
    const NOUN: Noun = Noun::Server;
}

/// List servers as a registry
///
/// The servers that the caller may use, in the form of the MCP registry's API (v0.1), for programs that read such
/// registries. With `MCP_PUBLISHED_AS`, callers without credentials see those of that account.
#[utoipa::path(get, path = "/v0.1/servers", tag = "registry", params(RegistryQuery),
    responses((status = 200, description = "The servers", body = RegistryListView,
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "As `If-None-Match` says, the caller has this answer")),
    security(("bearer" = ["mcp:read"]), ()))]
pub(crate) async fn list(request: HttpRequest, caller: Caller, Query(query): Query<RegistryQuery>) -> HandlerResult {
    let RegistryQuery { limit, cursor, search, updated_since, version } = query;
    let page = query::page(limit, cursor);
    let search = PublishedSearch { page, name: search.filter(|name| !name.is_empty()), updated_since };
    let page = caller.runtime.servers().published(&caller.who, &search)?;
    let is_asked_for = |item: &RegistryItemView| match version.as_deref() {
        None | Some(LATEST) => true,
        Some(version) => item.server.version == version,
    };
    let items = page.items.into_iter().map(|details| item(&request, &caller, details));
    let servers: Vec<_> = items.filter(is_asked_for).collect();
    answer(&request, &list_of(servers, page.next_cursor))
}

/// List the versions of a server
///
/// There is one of each server.
#[utoipa::path(get, path = "/v0.1/servers/{serverName}/versions", tag = "registry",
    params(("serverName" = String, Path, description = "Its name, `/` written as `%2F`")),
    responses((status = 200, description = "The versions", body = RegistryListView,
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "As `If-None-Match` says, the caller has this answer")),
    security(("bearer" = ["mcp:read"]), ()))]
pub(crate) async fn versions(
    request: HttpRequest,
    caller: Caller,
    PathId(PublishedName(id)): PathId<PublishedName>,
) -> HandlerResult {
    let details = caller.runtime.servers().published_server(&caller.who, id)?;
    answer(&request, &list_of(vec![item(&request, &caller, details)], None))
}

/// Read a version of a server
#[utoipa::path(get, path = "/v0.1/servers/{serverName}/versions/{version}", tag = "registry",
    params(("serverName" = String, Path, description = "Its name, `/` written as `%2F`"),
        ("version" = String, Path, description = "Its version, or `latest`")),
    responses((status = 200, description = "The server", body = RegistryItemView,
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "As `If-None-Match` says, the caller has this answer")),
    security(("bearer" = ["mcp:read"]), ()))]
pub(crate) async fn version(
    request: HttpRequest,
    caller: Caller,
    PathId(PublishedName(id)): PathId<PublishedName>,
    PathId(PublishedVersion(version)): PathId<PublishedVersion>,
) -> HandlerResult {
    let item = item(&request, &caller, caller.runtime.servers().published_server(&caller.who, id)?);
    if version != LATEST && version != item.server.version {
        return Err(Error::NotFound(Noun::Server).into());
    }
    answer(&request, &item)
}

fn list_of(servers: Vec<RegistryItemView>, next_cursor: Option<String>) -> RegistryListView {
    RegistryListView { metadata: RegistryMetadataView { count: servers.len(), next_cursor }, servers }
}

fn item(request: &HttpRequest, caller: &Caller, details: ServerDetails) -> RegistryItemView {
    let server = details.server;
    // A token of the issuer does as well, which clients ask for by themselves.
    let is_required = caller.runtime.accounts().protected_resource().is_none();
    let described = server.config.description.filter(|text| !text.trim().is_empty());
    RegistryItemView {
        server: PublishedServerView {
            name: format!("{NAMESPACE}{}", server.id),
            description: cut(&described.unwrap_or_else(|| server.config.name.clone())),
            title: cut(&server.config.name),
            version: format!("1.0.{}", server.updated_at.unix_seconds()),
            remotes: [PublishedRemoteView {
                r#type: "streamable-http",
                url: format!("{}/mcp/{}", base(request, caller), server.id),
                headers: [PublishedHeaderView {
                    name: "Authorization",
                    description: "API key of Ostler, as a bearer token",
                    is_required,
                    value: "Bearer {api_key}",
                    variables: PublishedVariablesView {
                        api_key: PublishedVariableView {
                            description: "API key of your account at Ostler, with mcp:read and mcp:execute",
                            is_required,
                            is_secret: true,
                        },
                    },
                }],
            }],
        },
        meta: RegistryMetaView {
            official: RegistryStatusView {
                status: "active",
                published_at: server.created_at,
                updated_at: server.updated_at,
                is_latest: true,
            },
        },
    }
}

/// The URL of Ostler: its public one, else that by which it is asked.
fn base(request: &HttpRequest, caller: &Caller) -> String {
    let host = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let asked = || format!("http://{}{}", host(), mount::path(request));
    caller.runtime.authorizations().public_url().map_or_else(asked, ToOwned::to_owned)
}

/// A text of at most so many characters as the schema takes.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some(_) => text.chars().take(TEXT_CHARS_MAX - 1).chain(['…']).collect(),
    }
}

/// The answer, unless the caller has it.
fn answer(request: &HttpRequest, view: &impl Serialize) -> HandlerResult {
    let body = serde_json::to_vec(view).map_err(|error| Error::Internal(format!("it is no JSON: {error}")))?;
    let (name, tag) = conditional::etag(&conditional::revision_of(&body));
    let is_known = conditional::is_known(request.headers(), &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // By who asks, and asked again each time.
    answer.insert_header((name, tag)).insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if is_known {
        return Ok(answer.finish());
    }
    Ok(answer.content_type("application/json").body(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_the_schema_allows_and_a_name_has_an_id() {
        assert_eq!(cut(&"ä".repeat(100)), "ä".repeat(100));
        assert_eq!(cut(&"ä".repeat(101)).chars().count(), 100);
        let id = ServerId::new();
        for name in [format!("ostler/{id}"), format!("ostler%2F{id}")] {
            assert!(name.parse::<PublishedName>().is_ok_and(|PublishedName(found)| found == id), "{name}");
        }
        for name in ["ostler/x".to_owned(), id.to_string(), format!("other/{id}")] {
            assert!(name.parse::<PublishedName>().is_err(), "{name}");
        }
    }
}
