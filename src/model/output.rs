//! Lines that servers write beside the protocol.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// The stream that a line was written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OutputStream {
    /// Standard error.
    Stderr,
    /// Standard output, which is for messages of the protocol; this line is none.
    Stdout,
}

/// A line of a server's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputLine {
    /// Ascending by one; a gap means lines were dropped.
    pub seq: u64,
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The stream that it was written on.
    pub stream: OutputStream,
    /// The line, lossily decoded, secrets masked.
    pub line: String,
}
