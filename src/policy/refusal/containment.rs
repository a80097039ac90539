//! [`ContainedProcess`]: the sandbox of a process that ended.

use crate::model::Sandbox;

/// The sandbox that a server ran in, and the folders that are its own.
#[derive(Clone, Copy, Debug)]
pub struct ContainedProcess<'a> {
    /// Its sandbox; the level is the one that applied.
    pub sandbox: &'a Sandbox,
    /// Folders that it may write to without a grant.
    pub own: &'a [&'a str],
}
