//! Packages that servers are started from.

use serde::Serialize;
use utoipa::ToSchema;

/// The packages that a launcher (`npx`, `uvx` and the like) is asked to run a program of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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

/// A registry of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PackageRegistry {
    /// The registry of npm, or a mirror of it.
    Npm,
    /// The Python Package Index, or a mirror of it.
    PyPi,
}

/// A package, with the versions of it that will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
