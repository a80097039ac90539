//! Packages that servers run, and their other versions.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{LauncherUse, PackageCure, PackageRegistry, PackageRun, ServerId, Timestamp, ToolChange};

/// The package that a server is started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerPackage {
    /// Treatment of its launcher that applies; `null` where its command line has none that is known.
    pub launcher: Option<LauncherUse>,
    /// The reason why its command line runs as it is, though its launcher was to be replaced.
    pub notice: Option<String>,
    /// The packages that its command line asks for.
    pub wanted: Option<PackageRun>,
    /// The versions that it runs; `null` before its first start, and where its launcher is kept.
    pub pinned: Option<PinnedPackage>,
    /// The versions that it was not moved to, where it follows its package; `null` where there are none.
    pub held: Option<HeldUpdate>,
}

/// The versions that a server runs of a package and of all that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PinnedPackage {
    /// The registry that it is from.
    pub registry: PackageRegistry,
    /// Name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Packages that are installed with it.
    pub dependencies: usize,
    /// Name of its installation, which all servers with the same versions share.
    pub installation: String,
    /// Files in its installation; `null` where it was pinned before they were counted.
    pub files: Option<u64>,
    /// Bytes of them.
    pub bytes: Option<u64>,
    /// When the server was given it; `null` where that was before it was noted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pinned_at: Option<Timestamp>,
    /// Changes of what it would be resolved to, by which it starts where it failed without; oldest first.
    pub cures: Vec<PackageCure>,
    /// The version before, to which the server can be rolled back; `null` where there is none.
    pub previous_version: Option<String>,
}

/// An installation of a package, and the servers that run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InstalledPackage {
    /// Name of the installation.
    pub installation: String,
    /// The registry that it is from.
    pub registry: PackageRegistry,
    /// Name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Packages that are installed with it.
    pub dependencies: usize,
    /// Files in it; `null` where they were not counted.
    pub files: Option<u64>,
    /// Bytes of them.
    pub bytes: Option<u64>,
    /// Servers that run it, or may be rolled back to it, as far as the caller may see them.
    pub servers: Vec<PackageUser>,
}

/// A server that runs an installation, or may be rolled back to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PackageUser {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// True where it does not run it any more, but may be rolled back to it.
    pub is_previous: bool,
}

/// The versions that a server runs of a package, and those that its command line asks for today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AvailableVersions {
    /// Name of the package.
    pub name: String,
    /// The version that it runs.
    pub version: String,
    /// The version that it would run.
    pub available: String,
    /// True where that, or a package that it needs, is another one.
    pub is_other: bool,
    /// Packages that differ, the package itself among them.
    pub packages: Vec<PackageDifference>,
}

/// A package that is not the same in two installations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct PackageDifference {
    /// Its name.
    pub name: String,
    /// Its version before, or several with commas between; `null` where it was not there.
    pub before: Option<String>,
    /// Its version after; `null` where it is not there any more.
    pub after: Option<String>,
}

impl PackageDifference {
    /// The package of this name, as it was and as it is.
    pub(crate) fn new(name: &str, before: Option<String>, after: Option<String>) -> Self {
        Self { name: name.to_owned(), before, after }
    }
}

/// Other versions of a server's package, and the tools that it lists with them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PackageUpdate {
    /// The versions.
    #[serde(flatten)]
    pub versions: AvailableVersions,
    /// Tools that are new or not as they were accepted, each with its differences.
    pub tools: Vec<ToolChange>,
    /// Names of tools that are gone.
    pub removed_tools: Vec<String>,
    /// Name of these versions with these tools: an update that is given it accepts the tools, or fails where it finds
    /// others.
    pub revision: String,
    /// Recorded calls of tools that change nothing, which a process of these versions was asked again.
    pub calls: Vec<CanaryCall>,
    /// True where the server runs them now.
    pub is_applied: bool,
}

/// A recorded call that a process of other versions was asked again, before these may serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct CanaryCall {
    /// Name of the tool.
    pub tool: String,
    /// The failure in words; `null` where the call succeeded as it did before.
    pub failure: Option<String>,
}

impl CanaryCall {
    /// A call of this tool, and what failed of it.
    pub(crate) fn new(tool: String, failure: Option<String>) -> Self {
        Self { tool, failure }
    }
}

/// Versions that a server was not moved to, though it follows its package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct HeldUpdate {
    /// The version of the package.
    pub available: String,
    /// The reason.
    pub reason: String,
}
