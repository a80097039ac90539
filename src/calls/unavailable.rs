//! [`Unavailable`]: why a request has no response.

use std::time::Duration;

use crate::error::Error;

/// The reason why no process responds to a request.
#[derive(Debug)]
pub(super) struct Unavailable {
    /// In words.
    pub reason: String,
    /// Time after which the server may, where it said so.
    pub retry_after: Option<Duration>,
}

impl From<String> for Unavailable {
    fn from(reason: String) -> Self {
        Self { reason, retry_after: None }
    }
}

impl From<Unavailable> for Error {
    fn from(Unavailable { reason, retry_after }: Unavailable) -> Self {
        match retry_after {
            Some(retry_after) => Self::ServerBusy { reason, retry_after },
            None => Self::ServerUnavailable(reason),
        }
    }
}
