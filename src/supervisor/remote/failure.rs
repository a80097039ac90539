//! Why a request to a remote server gets no answer of it.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use crate::mcp;

/// Advice to the owner of the server.
pub const ADVICE: &str = "ask POST /api/mcp/{id}/authorize where to consent, or set a header for it";

/// Failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteFailure {
    /// No connection came about, so that nothing was sent.
    Unreachable(String),
    /// The server knows the session no more, so that it did nothing. The transport ends with it.
    SessionLost,
    /// It wants a token that a user has consented to (401). It did nothing.
    Unauthorized,
    /// It wants a token that allows more than ours (403, `insufficient_scope`). It did nothing.
    InsufficientScope,
    /// It answered with this HTTP status, and with nothing that MCP knows.
    Refused(u16),
    /// The connection broke, or what came over it was no answer.
    Broken(String),
}

impl RemoteFailure {
    /// True when the server may have acted on the request, or the request is not to be sent again by itself.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::SessionLost => false,
            // Sent elsewhere, it would be refused there as well: its caller gets the failure.
            Self::Unauthorized | Self::InsufficientScope | Self::Refused(_) | Self::Broken(_) => true,
        }
    }

    /// A JSON-RPC error object for the failure. Its code is an HTTP status, as are all of Ostler's for which JSON-RPC
    /// has no code.
    #[must_use]
    pub fn error(&self) -> Arc<RawValue> {
        let code = match self {
            Self::Unreachable(_) => 503,
            Self::SessionLost => 404,
            Self::Unauthorized => 401,
            Self::InsufficientScope => 403,
            Self::Refused(status) => i64::from(*status),
            Self::Broken(_) => 502,
        };
        mcp::error(code, &self.to_string(), None)
    }
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the server could not be reached: {why}"),
            Self::SessionLost => f.write_str("the server ended the session"),
            Self::Unauthorized => write!(f, "the server wants authorization; {ADVICE}"),
            Self::InsufficientScope => write!(f, "the server wants more authorization than it was given; {ADVICE}"),
            Self::Refused(status @ (401 | 403)) => {
                write!(f, "the server answered with HTTP status {status}; check the headers it is sent")
            }
            Self::Refused(status @ 300..=399) => {
                write!(f, "the server answered with HTTP status {status}; redirects are not followed")
            }
            Self::Refused(status) => write!(f, "the server answered with HTTP status {status}"),
            Self::Broken(why) => write!(f, "the server did not answer properly: {why}"),
        }
    }
}
