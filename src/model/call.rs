//! Tool calls on record.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::model::{CallId, ServerId, Timestamp, UserId};

/// One tool call, as recorded and as shown. Secrets in it are already masked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: CallId,
    /// The server that was called.
    #[schema(value_type = String)]
    pub server_id: ServerId,
    /// The account that called.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Name of the tool.
    pub tool_name: String,
    /// The arguments, as JSON; `null` where `parametersExcerpt` stands for them.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Arc<RawValue>>,
    /// The beginning of the arguments, where they are not in `parameters`.
    pub parameters_excerpt: Option<Excerpt>,
    /// The tool's result or JSON-RPC error, as JSON; `null` where none came, or `responseExcerpt` stands for it.
    #[schema(value_type = serde_json::Value, required = true)]
    pub response: Option<Arc<RawValue>>,
    /// The beginning of the result or error, where it is not in `response`.
    pub response_excerpt: Option<Excerpt>,
    /// True when the tool reported success.
    pub success: bool,
    /// Error message; of a longer text the first 4 KiB.
    pub error_message: Option<String>,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
    /// When the call came in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Milliseconds before that dispatch: until there was a process to ask.
    pub waited: i64,
    /// The trace it is part of (W3C Trace Context), where there is one.
    pub trace_id: Option<String>,
}

/// JSON that is not there whole, or nested deeper than 60 levels, which some readers would refuse as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Excerpt {
    /// Its beginning, which may end anywhere between two characters; all of it where `length` says so.
    pub text: String,
    /// Bytes of the whole, as UTF-8.
    pub length: i64,
    /// True when the rest is on record nowhere. When false, the whole is in the call read by its id.
    pub truncated: bool,
    /// SHA-256 of the whole, secrets masked, in hex; `null` where it is on record whole.
    pub sha256: Option<String>,
}

impl ToolCall {
    /// Bytes that a call takes on disk beside its texts: an estimate, counted against the limits of retention.
    pub const OVERHEAD_BYTES: usize = 300;

    /// The bytes that it counts for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let payloads = [(&self.parameters, &self.parameters_excerpt), (&self.response, &self.response_excerpt)];
        let json = payloads.iter().flat_map(|(json_payload, _)| json_payload.as_deref().map(|json| json.get().len()));
        let excerpts = payloads.iter().flat_map(|(_, excerpt)| excerpt.as_ref().map(|excerpt| excerpt.text.len()));
        let texts = [self.tool_name.len(), self.error_message.as_ref().map_or(0, String::len)];
        json.chain(excerpts).chain(texts).sum::<usize>() + Self::OVERHEAD_BYTES
    }
}

/// Criteria that calls must meet.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// Of this tool only.
    pub tool_name: Option<String>,
    /// Of this caller only.
    pub user_id: Option<UserId>,
    /// Succeeded, or failed, only.
    pub success: Option<bool>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}
