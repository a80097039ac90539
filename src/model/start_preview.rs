//! [`StartPreview`]: the start of a server as it would be, for its owner to see before the first one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{LauncherUse, Limits, PackageRun, Sandbox};

/// The exact program of a server, and how it would be contained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StartPreview {
    /// Path of the program, without links; `null` where there is none to be run.
    pub program: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// The packages that it is asked to fetch and run, where it is a launcher like `npx` or `uvx`.
    pub package: Option<PackageRun>,
    /// Treatment of that launcher that applies; `null` where it is none.
    pub launcher: Option<LauncherUse>,
    /// Part of a launcher's command line that is not understood; no package of a registry is known then.
    pub unrecognized: Option<String>,
    /// Folder of the servers' own folders, one of which is its home if it is contained.
    pub folder: String,
    /// Its working directory; `null` for a folder of its own.
    pub cwd: Option<String>,
    /// Names of all its variables: its own, and those that every server gets.
    pub variables: Vec<String>,
    /// Its sandbox, with the level that applies and all paths that are granted, those that its command line names, too.
    pub sandbox: Sandbox,
    /// Its limits, with the usual ones where it names none.
    pub limits: Limits,
}
