//! Lines that servers write on standard error.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// A line of standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutputLine {
    /// Ascending by one; a gap means lines were dropped.
    pub seq: u64,
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The line, lossily decoded, secrets masked.
    pub line: String,
}
