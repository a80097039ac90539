//! Resource usage of a server's processes.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// The resource usage of all processes of a server at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Usage {
    /// Processor cores, on average since the sample before.
    pub cpu: f64,
    /// Bytes of memory; what processes share is counted once, where the kernel tells.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Processes.
    pub processes: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}
