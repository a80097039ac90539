//! The calls on record.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer,
        access::Caller,
        query::{self, Id, Query},
        views::List,
    },
    model::{CallFilter, ServerId, Timestamp, ToolCall},
};

/// Which calls of a server are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::Limit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this tool only.
    tool_name: Option<String>,
    /// Only those that succeeded, or only those that failed.
    success: Option<bool>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// List a server's calls
///
/// The calls on record, newest first. Secrets of the server's own environment are masked in them.
#[utoipa::path(get, path = "/api/mcp/{id}/logs", tag = "calls",
    params(("id" = String, Path, description = "The server"), CallQuery),
    responses((status = 200, description = "A page of calls", body = List<ToolCall>)),
    security(("bearer" = ["mcp:read"])))]
pub(super) async fn list(caller: Caller, Id(id): Id<ServerId>, Query(query): Query<CallQuery>) -> Answer {
    let CallQuery { limit, cursor, tool_name, success, since, until } = query;
    let filter = CallFilter { tool_name, success, since, until };
    let calls = caller.runtime.calls(&caller.who, id, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(calls)))
}
