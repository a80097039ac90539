//! The timeline of a server: its output, its lifecycle events and its calls, in order of time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{CallId, Timestamp};

/// Something on a server's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TimelineItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Source of the item.
    pub kind: TimelineKind,
    /// Severity; absent on lines of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<TimelineLevel>,
    /// One line, secrets masked; lines that a server wrote may hold terminal escapes.
    pub text: String,
    /// The call that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub call_id: Option<CallId>,
}

/// The kinds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimelineKind {
    /// A line of standard error.
    Stderr,
    /// A line of standard output that is no message of the protocol.
    Stdout,
    /// An event that Ostler reports about the server.
    Ostler,
    /// A call, when it was answered.
    Call,
}

impl TimelineKind {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 4] =
        [("stderr", Self::Stderr), ("stdout", Self::Stdout), ("ostler", Self::Ostler), ("call", Self::Call)];
}

/// The severity of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimelineLevel {
    /// As it should be.
    Info,
    /// Something failed.
    Warn,
    /// An operator must look.
    Error,
}

/// Criteria that items of a timeline must meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimelineFilter {
    /// With this text, in whatever case.
    pub search: Option<String>,
    /// Of these kinds; of all where there is none.
    pub kinds: Vec<TimelineKind>,
}
