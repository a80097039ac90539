//! [`Pin`]: the versions that a server runs, until its owner decides otherwise.

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::model::PackageRun;

/// Versions that a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// The packages that its command line asks for; for others it is no pin.
    pub(super) run: PackageRun,
    /// The files that they were resolved to.
    pub(super) lock: Lock,
    /// The hash of all that was installed.
    pub(super) digest: String,
}
