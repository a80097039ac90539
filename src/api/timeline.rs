//! A server's timeline.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::server_view::List,
    error::{Error, Result},
    model::{ServerId, TimelineFilter, TimelineItem, TimelineKind},
    web::{
        HandlerResult,
        authenticate::Caller,
        query::{self, PathId, Query},
    },
};

/// Page of a server's timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// With this text, in whatever case, or of the call with this id.
    #[param(max_length = 200)]
    search: Option<String>,
    /// Of these kinds: `stderr`, `stdout`, `ostler`, `call`, with commas between them.
    kinds: Option<String>,
}

/// Read a server's timeline
///
/// Its output, Ostler's own lines about it, and one line for each call, newest first, as far as it is kept. A
/// search looks through some mebibytes for each page: one may have few items or none, and a `nextCursor`.
#[utoipa::path(get, path = "/api/mcp/{id}/timeline", tag = "processes",
    params(("id" = String, Path, description = "The server"), TimelineQuery),
    responses((status = 200, description = "A page of the timeline", body = List<TimelineItem>),
        (status = 404, description = "Also code `not_found`, where Ostler keeps no timelines (`MCP_LOG_BYTES=0`)")),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn timeline(
    caller: Caller,
    PathId(id): PathId<ServerId>,
    Query(query): Query<TimelineQuery>,
) -> HandlerResult {
    let TimelineQuery { limit, cursor, search, kinds } = query;
    let kinds = kinds.as_deref().map(kinds_of).transpose()?.unwrap_or_default();
    let filter = TimelineFilter { search: search.filter(|text| !text.is_empty()), kinds };
    let page = caller.runtime.servers().timeline(&caller.who, id, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(page)))
}

fn kinds_of(text: &str) -> Result<Vec<TimelineKind>> {
    let kind = |name: &str| {
        let known = TimelineKind::ALL.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Error::invalid("/kinds", "must be some of stderr, stdout, ostler, call"))
    };
    text.split(',').map(kind).collect()
}
