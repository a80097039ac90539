//! Ostler's own MCP endpoint: `/mcp` with every server its caller may use, `/mcp/{id}` with one.
//!
//! A message is read (`message`), its era found out (`classify`), and then it is `modern`, one request that stands for
//! itself, or `legacy`, part of a session. `bridge` answers, whatever era the server speaks.

mod caller;
mod classify;
mod error_status;
mod events;
mod headers;
mod json_rpc_id;
mod kept_session;
mod legacy;
mod message;
mod modern;
mod named_session;
mod params;
mod refusal;
mod reply;
mod session;
mod sessions;
mod spawn_on_drop;
mod stream;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::Method};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    bridge::ServerScope,
    mcp::Era,
    model::ServerId,
    web::{
        HandlerResult,
        body::JsonBytes,
        event_stream,
        json_rpc::RefusedId,
        query::{PathId, Query},
        trace,
    },
};

pub(crate) use caller::{ClientState, McpCaller};
use message::{ClientMessage, PostBody};
use refusal::MessageRefusal;
#[cfg(any(test, fuzzing))]
pub(crate) use stream::EventId;

/// The form in which every server is aggregated.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct EveryServerQuery {
    /// `search` shows three tools that find, describe and call the others, in place of all of them.
    #[param(inline)]
    tools: Option<ToolsShown>,
}

/// The tools that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolsShown {
    /// Every one.
    All,
    /// Three to find the others with.
    Search,
}

impl From<EveryServerQuery> for ServerScope {
    fn from(query: EveryServerQuery) -> Self {
        Self::All { search: query.tools == Some(ToolsShown::Search) }
    }
}

/// Speak MCP with every server
///
/// Streamable HTTP of every revision: one JSON-RPC message, answered with JSON or with server-sent events.
#[utoipa::path(post, path = "/mcp", tag = "mcp", params(EveryServerQuery),
    request_body(content = Object, description = "A JSON-RPC message of MCP"),
    responses((status = 200, description = "The answer, or a stream that ends with it",
            content((serde_json::Value = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "Nothing is to be said")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn post_all(
    http: HttpRequest,
    caller: McpCaller,
    Query(query): Query<EveryServerQuery>,
    JsonBytes(body): JsonBytes,
) -> HandlerResult {
    post(&http, caller, query.into(), &body).await
}

/// Speak MCP with one server
///
/// As `/mcp`, with the server exactly as it is.
#[utoipa::path(post, path = "/mcp/{id}", tag = "mcp",
    params(("id" = String, Path, description = "The server")),
    request_body(content = Object, description = "A JSON-RPC message of MCP"),
    responses((status = 200, description = "The answer, or a stream that ends with it",
            content((serde_json::Value = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "Nothing is to be said")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn post_one(
    http: HttpRequest,
    caller: McpCaller,
    PathId(id): PathId<ServerId>,
    JsonBytes(body): JsonBytes,
) -> HandlerResult {
    post(&http, caller, ServerScope::One(id), &body).await
}

/// Listen to every server
///
/// For clients of revisions with sessions: messages about no request; with `Last-Event-ID`, the rest of a stream that
/// was left.
#[utoipa::path(get, path = "/mcp", tag = "mcp", params(EveryServerQuery),
    responses((status = 200, description = "A stream of events", content_type = "text/event-stream", body = String),
        (status = 204, description = "Nothing is left of the stream that was left")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get_all(
    http: HttpRequest,
    caller: McpCaller,
    Query(query): Query<EveryServerQuery>,
) -> HandlerResult {
    get(&http, &caller, query.into()).await
}

/// Listen to one server
///
/// As `/mcp`, for a session with one server.
#[utoipa::path(get, path = "/mcp/{id}", tag = "mcp",
    params(("id" = String, Path, description = "The server")),
    responses((status = 200, description = "A stream of events", content_type = "text/event-stream", body = String),
        (status = 204, description = "Nothing is left of the stream that was left")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn get_one(http: HttpRequest, caller: McpCaller, PathId(id): PathId<ServerId>) -> HandlerResult {
    get(&http, &caller, ServerScope::One(id)).await
}

/// End a session with every server
///
/// The one that `Mcp-Session-Id` names.
#[utoipa::path(delete, path = "/mcp", tag = "mcp", params(EveryServerQuery),
    responses((status = 204, description = "It has ended")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn delete_all(
    http: HttpRequest,
    caller: McpCaller,
    Query(query): Query<EveryServerQuery>,
) -> HandlerResult {
    legacy::delete(&http, &caller, query.into()).await
}

/// End a session with one server
///
/// The one that `Mcp-Session-Id` names.
#[utoipa::path(delete, path = "/mcp/{id}", tag = "mcp",
    params(("id" = String, Path, description = "The server")),
    responses((status = 204, description = "It has ended")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn delete_one(http: HttpRequest, caller: McpCaller, PathId(id): PathId<ServerId>) -> HandlerResult {
    legacy::delete(&http, &caller, ServerScope::One(id)).await
}

async fn post(http: &HttpRequest, caller: McpCaller, scope: ServerScope, body: &[u8]) -> HandlerResult {
    let (era, posted) = match read(http, body) {
        Ok(read) => read,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let id = posted.id();
    let answer = match (era, posted) {
        (Era::Modern, PostBody::One(message)) => modern::answer(http, caller, scope, message).await,
        (Era::Modern | Era::Legacy, posted) => legacy::answer(http, caller, scope, posted).await,
    };
    if let (Err(_), Some(id)) = (&answer, id) {
        http.extensions_mut().insert(RefusedId(id.to_raw()));
    }
    answer
}

/// Reads a body, and finds out which era it is of.
fn read(http: &HttpRequest, body: &[u8]) -> Result<(Era, PostBody), MessageRefusal> {
    if !headers::accepts(http.headers()).1 {
        return Err(MessageRefusal::with_status(406, None, "accept application/json and text/event-stream"));
    }
    let posted = PostBody::parse(body)?;
    let version = headers::only(http.headers(), &headers::VERSION_HEADER);
    let version = version.map_err(|message| MessageRefusal::header(posted.id(), &message))?;
    let mut posted = posted;
    let era = classify::era(&posted, version)?;
    if let (PostBody::One(ClientMessage::Request(_, request)), Some(trace)) = (&mut posted, trace::propagated(http)) {
        request.trace(&trace);
    }
    Ok((era, posted))
}

async fn get(http: &HttpRequest, caller: &McpCaller, scope: ServerScope) -> HandlerResult {
    if http.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().content_type(event_stream::CONTENT_TYPE).finish());
    }
    events::get(http, caller, scope).await
}
