//! The overview, and the histories of calls and of health.

use std::time::Duration;

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::server_view::List,
    error::Error,
    history::{CallHistory, Overview, OverviewWindow},
    model::{HealthChange, ServerId, Step, Timestamp},
    web::{
        HandlerResult,
        authenticate::Caller,
        query::{self, Query},
    },
};

/// Default span of a history of health, back from its end.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Over how long.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverviewQuery {
    /// `15m`, `1h` or `24h`.
    #[serde(default)]
    #[param(inline, value_type = Option<OverviewWindow>)]
    window: OverviewWindow,
}

/// See how everything is
///
/// Servers by health, calls in figures and restarts, of everything that the caller may see.
#[utoipa::path(get, path = "/api/overview", tag = "live", params(OverviewQuery),
    responses((status = 200, description = "How everything is", body = Overview)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn overview(caller: Caller, Query(query): Query<OverviewQuery>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.history().overview(&caller.who, query.window).await?))
}

/// Filter and bucket length of a history of calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallsQuery {
    /// Of this server only; all that the caller may see where it is left out.
    #[param(value_type = Option<String>)]
    server_id: Option<ServerId>,
    /// Of this tool of that server only.
    tool_name: Option<String>,
    /// Length of each bucket; minutes are kept for 48 hours, hours for 60 days, days for two years.
    #[param(inline, value_type = Option<Step>)]
    step: Option<Step>,
    /// From then on; an hour, two days or sixty days back where it is left out.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Until then; now where it is left out.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Read calls over time
///
/// Calls counted in buckets of equal length, the empty ones included; at most 3000 of them.
#[utoipa::path(get, path = "/api/history/calls", tag = "live", params(CallsQuery),
    responses((status = 200, description = "The buckets, in order", body = CallHistory)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn calls(caller: Caller, Query(query): Query<CallsQuery>) -> HandlerResult {
    let CallsQuery { server_id, tool_name, step, since, until } = query;
    let step = step.unwrap_or(Step::Minute);
    let until = until.unwrap_or_else(Timestamp::now);
    let since = since.unwrap_or_else(|| until.minus(usual_span(step)));
    let of = match (server_id, tool_name) {
        (None, Some(_)) => return Err(Error::Malformed("toolName: needs serverId, whose tool it is".into()).into()),
        (server, tool) => server.map(|server| (server, tool)),
    };
    Ok(HttpResponse::Ok().json(caller.runtime.history().call_series(&caller.who, of, step, since, until).await?))
}

fn usual_span(step: Step) -> Duration {
    match step {
        Step::Minute => DAY / 24,
        Step::Hour => DAY * 2,
        Step::Day => DAY * 60,
    }
}

/// Server and span of a history of health.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthQuery {
    /// The server.
    #[param(value_type = String)]
    server_id: ServerId,
    /// From then on; a day back where it is left out.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Until then; now where it is left out.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Read a server's health over time
///
/// Each change, oldest first; of more than a thousand the newest. Changes are kept for 60 days.
#[utoipa::path(get, path = "/api/history/health", tag = "live", params(HealthQuery),
    responses((status = 200, description = "The changes, all on one page", body = List<HealthChange>)),
    security(("bearer" = ["mcp:read"])))]
pub(crate) async fn health(caller: Caller, Query(query): Query<HealthQuery>) -> HandlerResult {
    // The end is exclusive: add a millisecond, to include changes of this very one.
    let until = query.until.unwrap_or_else(|| Timestamp::now().plus(Duration::from_millis(1)));
    let since = query.since.unwrap_or_else(|| until.minus(DAY));
    let changes = caller.runtime.history().health_changes(&caller.who, query.server_id, since, until).await?;
    Ok(HttpResponse::Ok().json(List::from(changes)))
}
