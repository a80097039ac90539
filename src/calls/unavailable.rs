//! [`Unavailable`]: why a request has no response.

use std::time::Duration;

use crate::error::Error;

/// The reason why no process responds to a request.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// No process takes it, or the way to one failed.
    Server {
        /// In words.
        reason: String,
        /// Time after which the server may, where it said so.
        retry_after: Option<Duration>,
    },
    /// The tool that it names waits to be accepted: the reason, and the fix.
    Quarantined(String),
}

impl Unavailable {
    /// The reason in words.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Server { reason, .. } | Self::Quarantined(reason) => reason,
        }
    }
}

impl From<String> for Unavailable {
    fn from(reason: String) -> Self {
        Self::Server { reason, retry_after: None }
    }
}

impl From<Unavailable> for Error {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Server { reason, retry_after: Some(retry_after) } => Self::ServerBusy { reason, retry_after },
            Unavailable::Server { reason, retry_after: None } => Self::ServerUnavailable(reason),
            Unavailable::Quarantined(reason) => Self::ToolQuarantined(reason),
        }
    }
}
