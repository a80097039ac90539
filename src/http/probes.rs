//! Probes of Ostler itself: liveness, readiness and metrics.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    model::Permission,
    runtime::Readiness,
    web::{
        HandlerResult,
        authenticate::{AnonymousCaller, Caller},
        json_rpc,
        problem::Problem,
        query::Query,
    },
};

/// State of this Ostler.
#[derive(Serialize, ToSchema)]
#[schema(as = State)]
pub(super) struct StateView {
    /// The probe that it passes.
    status: ProbeStatus,
    /// With `verbose`: each check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    checks: Option<Vec<ReadinessCheck>>,
}

/// The probe that an Ostler passes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProbeStatus {
    /// The process runs.
    Alive,
    /// New work is taken.
    Ready,
}

/// One check of readiness.
#[derive(Serialize, ToSchema)]
#[schema(as = Check)]
pub(super) struct ReadinessCheck {
    /// Name of the check.
    name: &'static str,
    /// True when it holds.
    ok: bool,
}

/// Level of detail of an answer about readiness.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadyQuery {
    /// List the checks; needs no value.
    verbose: Option<String>,
}

/// Check that the process runs
///
/// Says nothing about the rest: restart Ostler only where this fails.
#[utoipa::path(get, path = "/livez", tag = "state", security(()),
    responses((status = 200, description = "It does", body = StateView)))]
pub(super) async fn live() -> HandlerResult {
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(StateView { status: ProbeStatus::Alive, checks: None }))
}

/// Check that new work is taken
///
/// Not while migrations run, the database takes no writes, or Ostler shuts down. `/health` is the same.
#[utoipa::path(get, path = "/readyz", tag = "state", params(ReadyQuery), security(()),
    responses((status = 200, description = "It is", body = StateView),
        (status = 503, description = "Code `not_ready`: `detail` says why")))]
pub(super) async fn ready(anonymous: AnonymousCaller, Query(query): Query<ReadyQuery>) -> HandlerResult {
    let Readiness { ready, checks } = anonymous.runtime.readiness().await;
    if !ready {
        let reasons = checks.into_iter().filter_map(|(name, held)| held.err().map(|why| format!("{name}: {why}")));
        return Err(Problem::NotReady(reasons.collect()));
    }
    let views = checks.iter().map(|(name, held)| ReadinessCheck { name, ok: held.is_ok() });
    let checks = query.verbose.is_some_and(|text| text != "false").then(|| views.collect());
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(StateView { status: ProbeStatus::Ready, checks }))
}

/// The answer to everything but `/livez` while the runtime starts.
pub(super) async fn starting(request: HttpRequest, payload: web::Payload) -> HandlerResult {
    json_rpc::note_id(&request, &mut payload.into_inner()).await;
    Err(Problem::NotReady(vec!["ostler is starting: migrations may be running".into()]))
}

/// Check that new work is taken, as `/readyz` does
#[utoipa::path(get, path = "/health", tag = "state", params(ReadyQuery), security(()),
    responses((status = 200, description = "New work is taken", body = StateView),
        (status = 503, description = "Code `not_ready`: `detail` says why")))]
pub(super) async fn health(anonymous: AnonymousCaller, query: Query<ReadyQuery>) -> HandlerResult {
    ready(anonymous, query).await
}

/// Read the figures
///
/// In Prometheus' text format. Give the scraper an API key narrowed to `mcp:manage`; it shares no limit with its owner.
#[utoipa::path(get, path = "/metrics", tag = "state",
    responses((status = 200, description = "The figures",
        content((String = "text/plain"), (String = "application/openmetrics-text")))),
    security(("bearer" = ["mcp:manage"])))]
pub(super) async fn metrics(request: HttpRequest, caller: Caller) -> HandlerResult {
    if !caller.who.may(Permission::McpManage) {
        // The figures alone are outside the API's rate limit.
        caller.runtime.access().limits().api(&caller.who)?;
        caller.runtime.access().entries().record_denial(&caller.who, "metrics.read", "metrics");
        return Err(Problem::forbidden("reading the figures needs the permission mcp:manage"));
    }
    let page = caller.runtime.metrics().await;
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, page) = if accept.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", page)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", as_text(&page))
    };
    Ok(HttpResponse::Ok().insert_header(NO_STORE).insert_header((header::CONTENT_TYPE, kind)).body(page))
}

/// Figures in the older text format, which knows a counter by the whole name of its samples, and no end.
fn as_text(figures: &str) -> String {
    let mut text = String::with_capacity(figures.len());
    let mut lines = figures.lines().peekable();
    while let Some(line) = lines.next() {
        let counter = |line: &&str| {
            line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter").map(str::to_owned))
        };
        if let (Some(help), Some(name)) = (line.strip_prefix("# HELP "), lines.peek().and_then(counter)) {
            let help = help.strip_prefix(name.as_str()).unwrap_or_default();
            text.extend(["# HELP ", &name, "_total", help, "\n# TYPE ", &name, "_total counter\n"]);
            lines.next();
        } else if !line.starts_with("# EOF") && !line.starts_with("# UNIT") {
            text.extend([line, "\n"]);
        }
    }
    text
}

const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

#[cfg(test)]
mod tests {
    use super::as_text;

    #[test]
    fn the_older_format_names_counters_in_full() {
        let figures = "# HELP a_calls Calls.\n# TYPE a_calls counter\na_calls_total{x=\"1\"} 7\n# HELP b B.\n# TYPE b gauge\nb 1\n# EOF\n";
        let text = "# HELP a_calls_total Calls.\n# TYPE a_calls_total counter\na_calls_total{x=\"1\"} 7\n# HELP b B.\n# TYPE b gauge\nb 1\n";
        assert_eq!(as_text(figures), text);
    }
}
