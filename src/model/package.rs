//! Packages that servers are started from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Timestamp;

/// The packages that a launcher (`npx`, `uvx` and the like) is asked to run a program of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PackageRun {
    /// The registry that the packages are from.
    pub registry: PackageRegistry,
    /// The packages that are installed together, at least one; the first has the program where none is named.
    pub packages: Vec<PackageRequirement>,
    /// The program that is run; `null` for the one that the first package has for its own.
    pub program: Option<String>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The Python to run it by, a version or a path; `null` for the usual one.
    pub python: Option<String>,
}

impl PackageRun {
    /// Name of the first package.
    pub(crate) fn name(&self) -> &str {
        self.packages.first().map_or("", |package| &package.name)
    }
}

/// Treatment of launchers (`npx`, `uvx` and the like) of packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LauncherUse {
    /// They are run as they are.
    Keep,
    /// Their packages are installed once, and the packages' programs run in their place.
    #[default]
    Replace,
    /// As `Replace`; and servers are moved to newer versions, within what their command lines ask for, once these have
    /// listed the same tools and answered what they were called with before.
    Follow,
}

impl LauncherUse {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 3] = [("keep", Self::Keep), ("replace", Self::Replace), ("follow", Self::Follow)];
}

/// A registry of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PackageRegistry {
    /// The registry of npm, or a mirror of it.
    Npm,
    /// The Python Package Index, or a mirror of it.
    PyPi,
}

/// A package, with the versions of it that will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct PackageRequirement {
    /// Its name, as `@scope/name` or `mcp-server-time`.
    pub name: String,
    /// Its extras, as `cli` of `mcp[cli]`; for PyPI alone.
    pub extras: Vec<String>,
    /// The versions, in the words of the registry: a version, a range or a tag for npm, specifiers (PEP 440) for PyPI;
    /// empty for the newest.
    pub versions: String,
}

/// Change of what a package is resolved to, by which it starts where it failed without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PackageCure {
    /// The change.
    pub remedy: PackageRemedy,
    /// The line by which the failure was known.
    pub line: String,
}

/// Kinds of such changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PackageRemedy {
    /// Another package is bound to the versions that it was written for: `mcp<2`.
    Bound(PackageRequirement),
    /// Its program is run by this version of Node.js, from npm's registry.
    Node(String),
    /// The install script of this package, which makes its native module, is run.
    InstallScript(String),
    /// It is installed for a Python of these versions (PEP 440): `>=3.12`.
    Python(String),
    /// It and all that it needs are what there was at this moment, a day after it was published.
    #[schema(value_type = String, format = DateTime)]
    AsOf(Timestamp),
}

impl std::fmt::Display for PackageRemedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bound(PackageRequirement { name, versions, .. }) => write!(f, "{name}{versions}"),
            Self::Node(version) => write!(f, "Node.js {version}"),
            Self::InstallScript(package) => write!(f, "the install script of {package}"),
            Self::Python(versions) => write!(f, "Python {versions}"),
            Self::AsOf(moment) => write!(f, "the packages of {moment}"),
        }
    }
}
