//! [`LimitSupport`]: how this machine keeps servers within their limits.

use serde::Serialize;
use utoipa::ToSchema;

/// The keeper of each member of [`crate::model::Limits`] on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LimitSupport {
    /// Memory.
    pub memory_mb: Enforcement,
    /// Processes and threads.
    pub processes: Enforcement,
    /// Processor time.
    pub cpu_percent: Enforcement,
    /// Descriptors of each process.
    pub open_files: Enforcement,
    /// Size of the server's own folder.
    pub disk_mb: Enforcement,
}

/// The keeper of a limit, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Enforcement {
    /// The one that keeps it.
    pub by: EnforcedBy,
    /// Consequence of that, or the reason why no better one can be had: for people.
    pub detail: &'static str,
}

/// The part that keeps a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EnforcedBy {
    /// The kernel: more is refused to the server.
    Kernel,
    /// The server's guard, which looks at it many times a second to once a minute: a server with more is ended, and one
    /// that wants more processor time slowed down.
    Guard,
}
