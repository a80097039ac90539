//! [`Exceeded`]: a limit that a server's processes were ended for.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A limit that was exceeded, and by how much. As text it says what became of the server, and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct Exceeded {
    /// The limit.
    pub limit: EndingLimit,
    /// Use that was seen, in the unit of the limit.
    pub used: u64,
    /// The limit's value.
    pub allowed: u64,
}

/// A member of [`crate::model::Limits`] for which processes are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum EndingLimit {
    /// Memory, in MiB.
    MemoryMb,
    /// Processes and threads.
    Processes,
    /// Size of the server's own folder, in MiB.
    DiskMb,
}

impl Exceeded {
    /// A use of more than `allowed`.
    pub(crate) fn new(limit: EndingLimit, used: u64, allowed: u64) -> Self {
        Self { limit, used, allowed }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, allowed } = self;
        match limit {
            EndingLimit::MemoryMb => {
                write!(
                    f,
                    "was ended (oom): it used {used} MiB of the {allowed} MiB allowed; if it needs more, raise `limits.memoryMb`"
                )
            }
            EndingLimit::Processes => {
                write!(
                    f,
                    "was ended (limit): it had {used} processes and threads of the {allowed} allowed; if it needs more, raise `limits.processes`"
                )
            }
            EndingLimit::DiskMb => {
                write!(
                    f,
                    "was ended (limit): its folder had {used} MiB of the {allowed} MiB allowed; remove files from it, or raise `limits.diskMb`"
                )
            }
        }
    }
}
