//! [`CheckView`]: the result of one health check.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// One check of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HealthCheckResult)]
#[non_exhaustive]
pub struct CheckView {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// True where it succeeded.
    pub healthy: bool,
    /// The status that was answered, where anything was.
    pub status: Option<u16>,
    /// Milliseconds that it took.
    pub response_time: f64,
    /// The reason of a failure.
    pub error: Option<String>,
}
