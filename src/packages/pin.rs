//! [`Pin`]: the versions that a server runs, until its owner decides otherwise.

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::model::{PackageCure, PackageRun};

/// Versions that a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// The packages that its command line asks for; for others it is no pin.
    pub(super) run: PackageRun,
    /// The files that they were resolved to.
    pub(super) lock: Lock,
    /// The hash of all that was installed.
    pub(super) digest: String,
    /// Changes by which it starts where it failed without, oldest first.
    #[serde(default)]
    pub(super) cures: Vec<PackageCure>,
}

/// Packages that are to be resolved.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The packages that a command line asks for.
    pub(super) run: PackageRun,
    /// Changes of what they are resolved to.
    pub(super) cures: Vec<PackageCure>,
    /// Packages of npm whose install scripts are run where they are needed.
    pub(super) scripts: Vec<String>,
}
