//! Output of a server's processes, kept and live.

use actix_web::{HttpRequest, HttpResponse, http::Method};
use futures_util::StreamExt;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::server_view::List,
    model::ServerId,
    runtime::OutputLine,
    web::{
        HandlerResult,
        authenticate::Caller,
        event_stream,
        problem::Problem,
        query::{PathId, Query},
    },
};

/// Query of a server's output.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutputQuery {
    /// Stream it: what is kept, then every new line.
    #[param(value_type = Option<bool>, default = false)]
    follow: bool,
}

/// Read a server's output
///
/// Standard error of the server's processes, and lines of standard output that are no messages, newest last, as far as
/// they are kept; of processes that are one user's alone, your own. With `follow=true` it is streamed as server-sent
/// events: the id is `seq`, the data one line as JSON; `Last-Event-ID` resumes after that line.
#[utoipa::path(get, path = "/api/mcp/{id}/output", tag = "processes",
    params(("id" = String, Path, description = "The server"), OutputQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Stream what came after this line")),
    responses((status = 200, description = "The lines, all on one page", content(
        (List<OutputLine> = "application/json"), (String = "text/event-stream")))),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn read(
    request: HttpRequest,
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Query(query): Query<OutputQuery>,
) -> HandlerResult {
    if !query.follow || request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().json(List::from(caller.runtime.servers().output(&caller.who, id)?)));
    }
    let lines = caller.runtime.servers().follow_output(&caller.who, id, last_seen(&request)?)?;
    let events = lines.map(|line| {
        let data = serde_json::to_string(&line).unwrap_or_default();
        event_stream::event(None, Some(&line.seq.to_string()), &data)
    });
    Ok(event_stream::respond(events))
}

/// The line after which to resume; 0 where none was seen.
fn last_seen(request: &HttpRequest) -> Result<u64, Problem> {
    let Some(value) = request.headers().get("last-event-id") else { return Ok(0) };
    let seen = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    seen.ok_or_else(|| Problem::malformed("the last-event-id header must be the number of a line"))
}
