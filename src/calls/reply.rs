//! [`CallReply`]: the reply to a tool call, or why there is none.

use std::{borrow::Cow, sync::Arc};

use serde_json::value::RawValue;

use crate::{
    calls::unavailable::Unavailable,
    mcp::{self, RpcError},
    model::TimelineLevel,
    telemetry::{NoResponse, OperationOutcome},
};

/// The reply to a tool call.
#[derive(Debug)]
pub(super) enum CallReply {
    /// The tool's result.
    Succeeded(Arc<RawValue>),
    /// The tool said no: its result.
    Failed { message: String, answer: Arc<RawValue> },
    /// The server said no: its error object.
    Refused { message: String, answer: Arc<RawValue> },
    /// There was no process to ask, or it ended, or the way to it failed, or the tool waits to be accepted.
    Unavailable(Unavailable),
    /// The deadline passed.
    Expired,
    /// The caller went away.
    Cancelled,
}

impl From<&Unavailable> for NoResponse {
    fn from(unavailable: &Unavailable) -> Self {
        match unavailable {
            Unavailable::Server { .. } => Self::ServerUnavailable,
            Unavailable::Quarantined(_) => Self::Quarantined,
        }
    }
}

impl CallReply {
    /// The outcome in words, and how severe it is.
    pub(super) fn outcome(&self) -> (TimelineLevel, &'static str) {
        match self {
            Self::Succeeded(_) => (TimelineLevel::Info, "succeeded"),
            Self::Failed { .. } => (TimelineLevel::Warn, "failed"),
            Self::Refused { .. } => (TimelineLevel::Warn, "was refused"),
            Self::Unavailable(Unavailable::Server { .. }) => (TimelineLevel::Warn, "met no server"),
            Self::Unavailable(Unavailable::Quarantined(_)) => {
                (TimelineLevel::Warn, "was not sent: it is in quarantine")
            }
            Self::Expired => (TimelineLevel::Warn, "was not answered in time"),
            Self::Cancelled => (TimelineLevel::Info, "was cancelled"),
        }
    }

    /// Result or error of the server, if it sent any.
    pub(super) fn answer(&self) -> Option<&Arc<RawValue>> {
        match self {
            Self::Succeeded(answer) | Self::Failed { answer, .. } | Self::Refused { answer, .. } => Some(answer),
            Self::Unavailable(_) | Self::Expired | Self::Cancelled => None,
        }
    }

    /// The outcome for spans and metrics.
    pub(super) fn operation_outcome(&self) -> OperationOutcome<'_> {
        match self {
            Self::Succeeded(_) => OperationOutcome::Success,
            Self::Failed { .. } => OperationOutcome::ToolError,
            Self::Refused { answer, .. } => OperationOutcome::RpcError(answer),
            Self::Unavailable(unavailable) => OperationOutcome::NoResponse(unavailable.into()),
            Self::Expired => OperationOutcome::NoResponse(NoResponse::Timeout),
            Self::Cancelled => OperationOutcome::NoResponse(NoResponse::Cancelled),
        }
    }

    /// The failure in words.
    pub(super) fn failure(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Succeeded(_) => None,
            Self::Failed { message, .. } | Self::Refused { message, .. } => Some(message.into()),
            Self::Unavailable(unavailable) => Some(unavailable.reason().into()),
            Self::Expired => Some("no answer before the deadline".into()),
            Self::Cancelled => Some("cancelled: the caller went away, or may not call it any more".into()),
        }
    }

    /// The reply in a result, which may say that the tool failed.
    pub(super) fn from_result(result: Arc<RawValue>) -> Self {
        match mcp::tool_error_text(&result) {
            Some(message) => Self::Failed { message, answer: result },
            None => Self::Succeeded(result),
        }
    }

    /// The reply in a JSON-RPC error.
    pub(super) fn from_error(error: Arc<RawValue>) -> Self {
        Self::Refused { message: RpcError::read(&error).refusal(), answer: error }
    }
}
