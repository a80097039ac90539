//! [`Pin`]: what a server runs, until its owner decides otherwise.

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::model::PackageRun;

/// What a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// What its command line asks for; of another one it is no pin.
    pub(super) run: PackageRun,
    /// What that was resolved to.
    pub(super) lock: Lock,
    /// The hash of all that was installed.
    pub(super) digest: String,
}
