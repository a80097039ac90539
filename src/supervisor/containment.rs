//! [`Containment`]: everything that a contained server may reach.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    model::{Network, SandboxLevel},
    supervisor::servers_user::ServersUser,
};

/// Everything that the processes of a server may reach besides what is every server's (`guard/places.rs`); all paths
/// without links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Containment {
    /// Level of their sandbox: never [`SandboxLevel::None`].
    pub level: SandboxLevel,
    /// The account that they run as; `None` is Ostler's own.
    pub user: Option<ServersUser>,
    /// The server's own folder, which is its home and working directory.
    pub home: PathBuf,
    /// Files and folders to read and to run.
    pub read: Vec<PathBuf>,
    /// Files and folders to read, to run, to change and to remove.
    pub write: Vec<PathBuf>,
    /// Files and folders that they may not reach, though they lie in one of those to read.
    pub hidden: Vec<PathBuf>,
    /// Files that are made in the home where they are not there, and their texts.
    pub settings: BTreeMap<String, String>,
    /// True when they may have UNIX sockets.
    pub unix_sockets: bool,
    /// Hosts that they may connect to.
    pub network: Network,
    /// A file that Ostler can read and they must not: each tries before it becomes the server's program.
    pub canary: PathBuf,
}
