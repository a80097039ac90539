//! Why a request to a remote server gets no answer of it.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use crate::mcp;

/// What its holder can do about it.
pub const ADVICE: &str = "ask POST /api/mcp/{id}/authorize where to consent, or set a header for it";

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection came about, so that nothing was sent.
    Unreached(String),
    /// The server knows the session no more, so that it did nothing. The transport ends with it.
    SessionLost,
    /// It wants a token that somebody has consented to (401). It did nothing.
    Unauthorized,
    /// It wants a token that allows more than ours (403, `insufficient_scope`). It did nothing.
    TooNarrow,
    /// It answered with this HTTP status, and with nothing that MCP knows.
    Refused(u16),
    /// The connection broke, or what came over it was no answer.
    Broken(String),
}

impl Failure {
    /// Whether the server may have acted on the request, or the request is not to be sent again by itself.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::SessionLost => false,
            // Sent elsewhere, it would be refused there as well: its caller is told.
            Self::Unauthorized | Self::TooNarrow | Self::Refused(_) | Self::Broken(_) => true,
        }
    }

    /// A JSON-RPC error object that says so. Its code is an HTTP status, as all of ours are that JSON-RPC has none for.
    #[must_use]
    pub fn error(&self) -> Arc<RawValue> {
        let code = match self {
            Self::Unreached(_) => 503,
            Self::SessionLost => 404,
            Self::Unauthorized => 401,
            Self::TooNarrow => 403,
            Self::Refused(status) => i64::from(*status),
            Self::Broken(_) => 502,
        };
        mcp::error(code, &self.to_string(), None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached(why) => write!(f, "the server could not be reached: {why}"),
            Self::SessionLost => f.write_str("the server ended the session"),
            Self::Unauthorized => write!(f, "the server wants authorization; {ADVICE}"),
            Self::TooNarrow => write!(f, "the server wants more authorization than it was given; {ADVICE}"),
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
