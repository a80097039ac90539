//! [`ProblemBody`]: what a problem says.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    error::{Error, Fault, kind::ProblemKind},
    web::problem::{Occurrence, Problem},
};

/// The type of a problem that says no more than its status (RFC 9457).
const UNDESCRIBED: &str = "about:blank";
/// The registered type of a passed quota (draft-ietf-httpapi-ratelimit-headers-11).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The answer to a request that was not served (RFC 9457), with a stable `code`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// A page that explains this kind of problem, or a registered URI.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words; the same for every problem of one `code`.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The occurrence, and often the remedy.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = true)]
    instance: Option<&'a str>,
    /// The kind of problem, for programs; never changes its meaning.
    code: &'static str,
    /// As in the `X-Request-Id` header; quote it when you ask for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = true)]
    request_id: Option<&'a str>,
    /// With `validation_failed`: each field that cannot be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<&'a [Fault]>,
    /// With `spawn_failed`: the first and the last lines that the process wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stderr: Option<&'a [String]>,
    /// With `tool_execution_failed`: the server's own answer, an MCP `CallToolResult` or a JSON-RPC error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    tool_error: Option<&'a Arc<RawValue>>,
    /// With `tool_execution_failed`: the call on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    call_id: Option<String>,
    /// With `tool_execution_failed`: milliseconds from dispatch to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    execution_time: Option<i64>,
    /// With `rate_limited`: the policy that was passed.
    #[serde(rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    violated_policies: Option<[&'a str; 1]>,
}

impl<'a> ProblemBody<'a> {
    fn of(kind: ProblemKind, occurrence: Occurrence<'a>) -> Self {
        let (url, title) = match occurrence.mount_path {
            Some(mount_path) => (format!("{mount_path}/docs#problem-{}", kind.code), kind.title),
            // No page of Ostler's is known to be there. The title is then that of the status (RFC 9457, section 4.2.1).
            None => (UNDESCRIBED.to_owned(), kind.status_code().canonical_reason().unwrap_or(kind.title)),
        };
        // Another program's handler does not know what it answers. Where the head cannot be read, the path is empty.
        let is_known = !occurrence.request_id.is_empty();
        Self {
            kind: url,
            title,
            status: kind.status,
            detail: String::new(),
            instance: is_known.then_some(occurrence.path),
            code: kind.code,
            request_id: is_known.then_some(occurrence.request_id),
            errors: None,
            stderr: None,
            tool_error: None,
            call_id: None,
            execution_time: None,
            violated_policies: None,
        }
    }
}

impl Problem {
    /// The body to send.
    pub(crate) fn body<'a>(&'a self, occurrence: Occurrence<'a>) -> ProblemBody<'a> {
        let mut body = ProblemBody { detail: self.to_string(), ..ProblemBody::of(self.kind(), occurrence) };
        let Self::Runtime(error) = self else { return body };
        if let Error::Invalid(faults) = error {
            body.errors = Some(&faults.0);
        }
        if let Error::SpawnFailed { stderr, .. } = error {
            body.stderr = Some(stderr);
        }
        if let Error::RateLimited(limit) = error {
            body.kind = QUOTA_EXCEEDED.into();
            body.violated_policies = Some([limit.policy]);
        }
        if let Error::ToolFailed(failure) = error {
            body.tool_error = Some(&failure.answer);
            body.call_id = Some(failure.call_id.clone());
            body.execution_time = Some(failure.execution_time);
        }
        body
    }
}
