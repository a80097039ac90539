//! [`OperationOutcome`]: the outcome of an MCP request.

use serde_json::value::RawValue;

/// The outcome of an MCP request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OperationOutcome<'a> {
    /// A result.
    Success,
    /// A tool's result with `isError`.
    ToolError,
    /// A JSON-RPC error: this error object.
    RpcError(&'a RawValue),
    /// Neither result nor error.
    NoResponse(NoResponse),
}

/// The reason for a missing response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoResponse {
    /// No process could be asked, or it ended before it answered.
    ServerUnavailable,
    /// The tool waits to be accepted.
    Quarantined,
    /// The deadline passed.
    Timeout,
    /// The client disconnected, cancelled the request, or lost the right to it.
    Cancelled,
}

impl NoResponse {
    /// The value of the attribute `error.type`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ServerUnavailable => "server_unavailable",
            Self::Quarantined => "tool_quarantined",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}
