//! [`Spec`]: what a guard runs.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{Limits, Names},
    supervisor::{containment::Containment, seclusion::Seclusion, servers_user::ServersUser, temporary::Temporary},
};

/// The program to run, its environment and its containment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
// A guard of another version must not start what it does not know how to contain.
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A path, or a name found on the `PATH` in `env`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// A folder of Ostler's, which is made where it is not there, and is its working directory unless there is a `cwd`.
    pub dir: PathBuf,
    /// The working directory that its owner chose, which must be there.
    pub cwd: Option<PathBuf>,
    /// Files and folders it may not reach, where it is not contained.
    pub seclusion: Option<Seclusion>,
    /// Its containment; `None` where it is not contained.
    pub containment: Option<Containment>,
    /// The server's own folder, where it has one.
    pub own_folder: Option<PathBuf>,
    /// Its folder for temporary files, which is made where it is contained.
    pub temporary: Option<Temporary>,
    /// Bounds of what its processes use; `None` is no bound.
    pub limits: Limits,
}

impl Spec {
    /// The account that its program runs as; `None` is Ostler's own.
    pub(crate) fn user(&self) -> Option<&ServersUser> {
        self.containment.as_ref()?.user.as_ref()
    }

    /// Its working directory.
    #[must_use]
    pub fn working_dir(&self) -> &Path {
        self.cwd.as_ref().unwrap_or(&self.dir)
    }

    /// Tries whether the working directory that its owner chose can be entered, by its user.
    pub(crate) fn try_cwd(&self) -> io::Result<()> {
        let Some(cwd) = &self.cwd else { return Ok(()) };
        cwd.join(".").metadata()?;
        self.user().map_or(Ok(()), |user| user.try_way(cwd).map_err(io::Error::other))
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { program, args, env, dir, cwd, seclusion, containment, own_folder, temporary, limits } = self;
        f.debug_struct("Spec")
            .field("program", program)
            .field("args", args)
            .field("env", &Names(env))
            .field("dir", dir)
            .field("cwd", cwd)
            .field("seclusion", seclusion)
            .field("containment", containment)
            .field("own_folder", own_folder)
            .field("temporary", temporary)
            .field("limits", limits)
            .finish()
    }
}
