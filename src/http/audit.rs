//! The audit log.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer,
        access::Caller,
        query::{self, Query},
        views::List,
    },
    model::{AuditEntry, AuditFilter, Timestamp},
};

/// Which lines of the audit log are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: query::Limit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Of this actor only: an account's id or address.
    actor: Option<String>,
    /// Of this action only, such as `server.create`.
    action: Option<String>,
    /// About this target only: an id or a name.
    target: Option<String>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Read the audit log
///
/// Who did what to what, when, and how it went; newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = List<AuditEntry>)),
    security(("bearer" = ["audit:read"])))]
pub(super) async fn list(caller: Caller, Query(query): Query<AuditQuery>) -> Answer {
    let AuditQuery { limit, cursor, actor, action, target, since, until } = query;
    let filter = AuditFilter { actor, action, target, since, until };
    let entries = caller.runtime.audit(&caller.who, filter, query::page(limit, cursor)).await?;
    Ok(HttpResponse::Ok().json(List::from(entries)))
}
