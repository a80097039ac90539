//! Why a request to a remote server gets no answer of it.

use std::{fmt, sync::Arc, time::Duration};

use awc::{ClientResponse, http::header};
use serde_json::value::RawValue;

use crate::{mcp, model::Timestamp, policy::retry_after, supervisor::remote::authority::ADVICE};

/// The longest place of a redirect that is shown.
const LOCATION_CHARS_MAX: usize = 300;

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
    /// It answered with an HTTP status, and with nothing that MCP knows.
    Refused(HttpRefusal),
    /// The connection broke, or what came over it was no answer.
    Broken(String),
}

/// An HTTP response that is no answer of MCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    /// Its status.
    pub status: u16,
    /// The place that a redirect leads to.
    pub location: Option<String>,
    /// Time until which it wants no further request.
    pub retry_after: Option<Duration>,
}

impl HttpRefusal {
    /// The refusal in this response.
    pub(super) fn of(answer: &ClientResponse) -> Self {
        let status = answer.status();
        let field = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let location = field(header::LOCATION).filter(|_| status.is_redirection());
        let location = location.map(|place| place.chars().take(LOCATION_CHARS_MAX).collect());
        let now = Timestamp::now();
        let retry_after = field(header::RETRY_AFTER).and_then(|value| retry_after::parse(value, now));
        Self { status: status.as_u16(), location, retry_after }
    }
}

impl RemoteFailure {
    /// Time until which the server wants no further request, where it said so.
    pub(in crate::supervisor) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Unreachable(_)
            | Self::SessionLost
            | Self::Unauthorized
            | Self::InsufficientScope
            | Self::Broken(_) => None,
        }
    }

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
            Self::Refused(refusal) => i64::from(refusal.status),
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
            Self::Refused(HttpRefusal { status, location, .. }) => {
                write!(f, "the server answered with HTTP status {status}")?;
                match (status, location) {
                    (401 | 403, _) => f.write_str("; check the headers it is sent"),
                    (300..=399, Some(place)) => {
                        write!(f, " and leads to {place}, but redirects are not followed; make that its url")
                    }
                    (300..=399, None) => f.write_str("; redirects are not followed"),
                    _ => Ok(()),
                }
            }
            Self::Broken(why) => write!(f, "the server did not answer properly: {why}"),
        }
    }
}
