//! The audit log.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    access::AuditVerdict,
    api::server_view::List,
    model::{AuditEntry, AuditFilter, AuditLink, Outcome, Timestamp},
    web::{
        HandlerResult,
        authenticate::Caller,
        query::{self, Query},
    },
};

/// Filter and page of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this actor only: an account's id or address.
    actor: Option<String>,
    /// Of this action only, such as `server.create`.
    action: Option<String>,
    /// About this target only: an id or a name.
    target: Option<String>,
    /// With this credential only: `session:` or `key:` and its id, `oauth`, `embedder` or `ostler`.
    credential: Option<String>,
    /// With this outcome only.
    outcome: Option<Outcome>,
    /// Not before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default, deserialize_with = "query::time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Read the audit log
///
/// The actor, action, target, time and outcome of each entry; newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = List<AuditEntry>)),
    security(("bearer" = ["audit:read"])))]
pub(crate) async fn list(caller: Caller, Query(query): Query<AuditQuery>) -> HandlerResult {
    let AuditQuery { limit, cursor, actor, action, target, credential, outcome, since, until } = query;
    let filter = AuditFilter { actor, action, target, credential, outcome, since, until };
    let entries = caller.runtime.audit_log().list(&caller.who, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(entries)))
}

/// Query of a verification of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerifyQuery {
    /// A `head` that was noted earlier: entries that were cut off since then show by it.
    #[param(value_type = Option<String>)]
    anchor: Option<AuditLink>,
}

/// Verify the audit log
///
/// Detects an entry that was changed, removed or inserted behind Ostler's back: each is linked to the one before it by
/// a hash that takes Ostler's secret key to make. Reads all of them, in pages, without blocking other requests.
#[utoipa::path(get, path = "/api/audit/verify", tag = "audit", params(VerifyQuery),
    responses((status = 200, description = "What was found", body = AuditVerdict)),
    security(("bearer" = ["audit:read"])))]
pub(crate) async fn verify(caller: Caller, Query(query): Query<VerifyQuery>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.audit_log().verify(&caller.who, query.anchor).await?))
}
