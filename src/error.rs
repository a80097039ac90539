//! Errors, named for the caller's next step; their status codes are in one table, `kind`.

pub(crate) mod kind;

use std::{fmt, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every fallible operation. The text is for callers: it names no secret, no SQL and no path inside
/// Ostler.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be read at all; send a well-formed one.
    #[error("{0}")]
    Malformed(String),
    /// The request can be read but not accepted; mend the named fields.
    #[error("{0}")]
    Invalid(Faults),
    /// No credential, or one that is not valid: log in, or send a valid key.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Known, but not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// The command line is not one this caller may write; see `MCP_ALLOWED_COMMANDS`.
    #[error("{0}")]
    CommandNotAllowed(String),
    /// The tool is not as it was accepted; have it accepted.
    #[error("{0}")]
    ToolQuarantined(String),
    /// It does not exist, or belongs to another account.
    #[error("no such {0}")]
    NotFound(Noun),
    /// It clashes with what is there.
    #[error("{0}")]
    Conflict(String),
    /// It changed since it was read; read it again.
    #[error("the {0} has changed since it was read")]
    Stale(Noun),
    /// Too much in too short a time; wait.
    #[error("{0}")]
    RateLimited(RateLimited),
    /// The process cannot be started.
    #[error("the server {reason}")]
    SpawnFailed {
        /// The operating system's reason, or how the process ended.
        reason: String,
        /// Its first and its last lines on standard error.
        stderr: Vec<String>,
    },
    /// The server answered that the tool failed; the call is on record.
    #[error("{}", .0.message)]
    ToolFailed(Box<ToolFailure>),
    /// The server is not running, or ended during the call.
    #[error("the server is unavailable: {0}")]
    ServerUnavailable(String),
    /// The server, or a proxy before it, takes no request now, and said when to come again.
    #[error("the server is unavailable: {reason}")]
    ServerBusy {
        /// In words.
        reason: String,
        /// The wait that it asked for.
        retry_after: Duration,
    },
    /// The server, or Ostler, has as much to do as it takes; try again soon.
    #[error("{0}")]
    Busy(&'static str),
    /// The call's deadline passed; the server was sent a cancellation.
    #[error("no answer within {} ms", .0.as_millis())]
    CallTimeout(Duration),
    /// The database does not take or give data now. Nothing was changed, unless the text says that it may still be.
    #[error("the database is unavailable: {0}")]
    StoreUnavailable(String),
    /// Ostler is starting or stopping.
    #[error("{0}")]
    NotReady(&'static str),
    /// A defect in Ostler; the log has more.
    #[error("internal error")]
    Internal(String),
}

impl Error {
    /// A single fault of validation.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(Faults(vec![Fault { pointer: pointer.into(), message: message.into() }]))
    }
}

/// The kinds of thing that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Noun {
    /// An MCP server.
    Server,
    /// A call on record.
    Call,
    /// An account.
    User,
    /// An API key.
    Key,
    /// A secret of an account.
    Secret,
    /// An entry of the catalogue.
    CatalogueEntry,
    /// A template of servers.
    Template,
    /// A share of a server.
    Share,
    /// A service behind the gateway.
    Service,
    /// An instance of one.
    Instance,
    /// A page or route.
    Page,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Call => "call",
            Self::User => "user",
            Self::Key => "key",
            Self::Secret => "secret",
            Self::CatalogueEntry => "entry of the catalogue",
            Self::Template => "template",
            Self::Share => "share",
            Self::Service => "service",
            Self::Instance => "instance",
            Self::Page => "page",
        })
    }
}

/// One field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// JSON Pointer to the field (RFC 6901).
    pub pointer: String,
    /// The fault, and how to mend it.
    pub message: String,
}

/// The pointer to the field `key` of what `pointer` points to (RFC 6901).
#[must_use]
pub fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The pointer to where reading of JSON stopped (RFC 6901).
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => below(&pointer, key),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// Every field that cannot be accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Notes a fault unless `holds`.
    pub fn check(&mut self, holds: bool, pointer: impl Into<String>, message: impl Into<String>) {
        if !holds {
            self.0.push(Fault { pointer: pointer.into(), message: message.into() });
        }
    }

    /// `Err` where any fault was noted.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            // Without a pointer it is about the whole.
            let colon = if fault.pointer.is_empty() { "" } else { ": " };
            write!(f, "{}{}{colon}{}", if index == 0 { "" } else { "; " }, fault.pointer, fault.message)?;
        }
        Ok(())
    }
}

/// A limit that was passed, as the `RateLimit` fields name it (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimited {
    /// The policy's name, such as `tool-execute`.
    pub policy: &'static str,
    /// The setting that decides on it, if any.
    pub setting: Option<&'static str>,
    /// Requests allowed in a window.
    pub quota: u32,
    /// Length of the window.
    pub window: Duration,
    /// Time until the next request is allowed.
    pub retry_after: Duration,
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more than {} requests in {} s (limit {}); the next is allowed in {} s",
            self.quota,
            self.window.as_secs(),
            self.policy,
            self.retry_after.as_secs().max(1)
        )?;
        self.setting.map_or(Ok(()), |setting| write!(f, "; an operator sets it by {setting}"))
    }
}

/// A tool call that the server answered with a failure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolFailure {
    /// In words: the tool's own where it gave any.
    pub message: String,
    /// The MCP `CallToolResult` with `isError`, or the JSON-RPC error object.
    pub answer: std::sync::Arc<RawValue>,
    /// The call on record.
    pub call_id: String,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
}
