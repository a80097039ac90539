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
    /// Which server.
    #[schema(value_type = String)]
    pub server_id: ServerId,
    /// Who called.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Which tool.
    pub tool_name: String,
    /// The arguments, as JSON; a string of that where they are nested deeper than 60 levels.
    #[schema(value_type = Object)]
    pub parameters: Arc<RawValue>,
    /// The tool's result or JSON-RPC error, as JSON; `null` where none came, a string of it where it is nested deeper than
    /// 60 levels.
    #[schema(value_type = Option<Object>)]
    pub response: Option<Arc<RawValue>>,
    /// Whether the tool said it succeeded.
    pub success: bool,
    /// What went wrong.
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

impl ToolCall {
    /// How many bytes its arguments and its answer have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parameters.get().len() + self.response.as_ref().map_or(0, |response| response.get().len())
    }
}

/// Which calls are wanted.
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
