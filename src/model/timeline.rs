//! What a server wrote, what became of it and what was called, on one line of time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{CallId, Timestamp};

/// Something on a server's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whose word it is.
    pub kind: TimelineKind,
    /// How much it matters; not of what the server wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<TimelineLevel>,
    /// One line, secrets masked; whatever a server wrote, terminal escapes and all.
    pub text: String,
    /// The call that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub call_id: Option<CallId>,
}

/// The kinds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimelineKind {
    /// A line of standard error.
    Stderr,
    /// What Ostler says about the server.
    Ostler,
    /// A call, when it was answered.
    Call,
}

impl TimelineKind {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 3] = [("stderr", Self::Stderr), ("ostler", Self::Ostler), ("call", Self::Call)];
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimelineLevel {
    /// As it should be.
    Info,
    /// Something failed.
    Warn,
    /// Somebody must look.
    Error,
}

/// Which items are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimelineFilter {
    /// With this text, in whatever case.
    pub search: Option<String>,
    /// Of these kinds; of all where there is none.
    pub kinds: Vec<TimelineKind>,
}
