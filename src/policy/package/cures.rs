//! Known reasons for which packages fail at start because of what they are resolved to today, and what cures each.
//!
//! The lines of a program choose among these changes alone. None of them gives it anything that it could not have by
//! its own command line or its own dependencies, but for install scripts, which are run for the packages listed here
//! only.

use std::fmt;

use crate::model::{PackageRegistry, PackageRemedy, PackageRequirement, PackageRun};

/// A change that cures a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CureChange {
    /// One that is known in full.
    Remedy(PackageRemedy),
    /// It and all that it needs are what there was a day after it was published; its registry knows when that was.
    DayAfterRelease,
}

/// A change that cures a failure whose reason is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCure {
    /// The change.
    pub change: CureChange,
    /// The line by which the failure was known.
    pub line: String,
}

impl CureChange {
    /// True for one of these changes.
    #[must_use]
    pub fn is_in<'a>(&self, remedies: impl IntoIterator<Item = &'a PackageRemedy>) -> bool {
        remedies.into_iter().any(|remedy| match self {
            Self::Remedy(own) => own == remedy,
            Self::DayAfterRelease => matches!(remedy, PackageRemedy::AsOf(_)),
        })
    }
}

impl fmt::Display for CureChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remedy(remedy) => remedy.fmt(f),
            Self::DayAfterRelease => f.write_str("the packages of the day after its release"),
        }
    }
}

/// A failure that is known by a line on standard error.
struct KnownFailure {
    registry: PackageRegistry,
    /// Words that the line has, all of them.
    words: &'static [&'static str],
    cure: Cure,
}

/// A cure of a failure.
enum Cure {
    /// A package, and the versions of it that are left.
    Bound(&'static str, &'static str),
    /// A version of Node.js.
    Node(&'static str),
    /// The install script of the one of [`NATIVE`] that the lines name.
    InstallScript,
    /// The versions of Python that the line asks for, behind these words.
    Python(&'static str),
    /// The packages of the day after its release.
    DayAfterRelease,
}

/// Programs written for the first Python SDK, whose authors named no upper bound.
const MCP_1: Cure = Cure::Bound("mcp", "<2");

/// The oldest Node.js that has all that the newest published servers use.
const NODE_22: Cure = Cure::Node("22");

/// Failures at start; of two that a line shows, the first that was not tried counts.
const KNOWN: [KnownFailure; 14] = [
    python(&["This is mcp 2.x"], MCP_1),
    python(&["No module named 'mcp."], MCP_1),
    python(&["cannot import name", "from 'mcp"], MCP_1),
    python(&["'Server' object has no attribute"], MCP_1),
    python(&["'FastMCP' object has no attribute"], MCP_1),
    // Words of any package that became another than the one that a program was written for.
    python(&["ImportError: cannot import name"], Cure::DayAfterRelease),
    python(&["ModuleNotFoundError: No module named"], Cure::DayAfterRelease),
    python(&["AttributeError: ", " has no attribute '"], Cure::DayAfterRelease),
    python(&["TypeError: ", " got an unexpected keyword argument '"], Cure::DayAfterRelease),
    node(&["No such built-in module: node:"], NODE_22),
    node(&["equires Node", "22"], NODE_22),
    node(&["does not provide an export named", "'node:"], NODE_22),
    node(&["Could not locate the bindings file"], Cure::InstallScript),
    node(&["Cannot find module", ".node'"], Cure::InstallScript),
];

/// Reasons for which packages cannot be resolved, in the words of uv: by what the index says of the Pythons that a
/// package is for, and by what the package itself says.
const UNRESOLVED: [KnownFailure; 2] = [
    python(&["the current Python version", INDEX_WANTS], Cure::Python(INDEX_WANTS)),
    python(&[PACKAGE_WANTS], Cure::Python(PACKAGE_WANTS)),
];

/// Words of uv before versions of Python.
const INDEX_WANTS: &str = "does not satisfy Python";
const PACKAGE_WANTS: &str = " requires Python ";

/// Packages whose install script makes the native module that they are: it compiles it, or fetches it as their makers
/// built it.
const NATIVE: [&str; 8] =
    ["better-sqlite3", "bcrypt", "canvas", "isolated-vm", "keytar", "node-pty", "serialport", "sqlite3"];

const fn python(words: &'static [&'static str], cure: Cure) -> KnownFailure {
    KnownFailure { registry: PackageRegistry::PyPi, words, cure }
}

const fn node(words: &'static [&'static str], cure: Cure) -> KnownFailure {
    KnownFailure { registry: PackageRegistry::Npm, words, cure }
}

/// The change that cures a failure at start, by the last lines of it, and that `may` be tried; `None` where the reason
/// is not known.
pub fn cure(run: &PackageRun, lines: &[String], may: impl Fn(&CureChange) -> bool) -> Option<KnownCure> {
    cures(&KNOWN, run, lines).find(|cure| may(&cure.change))
}

/// The change with which packages can be resolved that cannot without, by the lines of their installer.
pub fn cure_unresolved(run: &PackageRun, lines: &[String]) -> Option<KnownCure> {
    cures(&UNRESOLVED, run, lines).next()
}

fn cures<'a>(known: &'a [KnownFailure], run: &'a PackageRun, lines: &'a [String]) -> impl Iterator<Item = KnownCure> {
    known.iter().filter(|known| known.registry == run.registry).filter_map(|known| {
        let line = lines.iter().find(|line| known.words.iter().all(|words| line.contains(words)))?;
        Some(KnownCure { change: known.cure.change(run, line, lines)?, line: line.trim().to_owned() })
    })
}

/// The versions that a text begins with; `None` where it is none, as these become an argument.
fn versions(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_digit() || "<>=!~.,*".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.get(..end)
        .map(|found| found.trim_end_matches(['.', ',']))
        .filter(|found| found.starts_with(['<', '>', '=', '~', '!']))
}

impl Cure {
    fn change(&self, run: &PackageRun, line: &str, lines: &[String]) -> Option<CureChange> {
        let remedy = match *self {
            Self::DayAfterRelease => return Some(CureChange::DayAfterRelease),
            // Its owner has decided already.
            Self::Python(_) if run.python.is_some() => None,
            Self::Python(words) => {
                let wanted = line.split_once(words).and_then(|(_, rest)| versions(rest));
                wanted.map(|wanted| PackageRemedy::Python(wanted.into()))
            }
            Self::Bound(name, versions) => {
                // Its owner has decided already.
                let is_bound = run.packages.iter().any(|one| one.name == name && !one.versions.is_empty());
                let bound = PackageRequirement { name: name.into(), extras: Vec::new(), versions: versions.into() };
                (!is_bound).then_some(PackageRemedy::Bound(bound))
            }
            Self::Node(version) => Some(PackageRemedy::Node(version.into())),
            Self::InstallScript => {
                let is_named = |name: &&str| {
                    let folder = format!("node_modules/{name}/");
                    lines.iter().any(|line| line.contains(&folder))
                };
                NATIVE.into_iter().find(is_named).map(|name| PackageRemedy::InstallScript(name.into()))
            }
        };
        remedy.map(CureChange::Remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::launchers::recognize;
    use super::*;

    fn cured(line: &str, output: &[&str]) -> Option<String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let (command, args) = words.split_first().unwrap();
        let run = recognize(command, args).unwrap().unwrap();
        let lines: Vec<_> = output.iter().map(ToString::to_string).collect();
        let found = cure(&run, &lines, |_| true).or_else(|| cure_unresolved(&run, &lines));
        found.map(|cure| cure.change.to_string())
    }

    #[test]
    fn words_of_published_servers_are_known() {
        const DAY: &str = "the packages of the day after its release";
        const NODE_SQLITE: &str = "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite";
        for (line, output, remedy) in [
            ("uvx x", "ModuleNotFoundError: No module named 'mcp.server.fastmcp'. This is mcp 2.x, where …", "mcp<2"),
            ("uvx x", "ImportError: cannot import name 'McpError' from 'mcp.shared.exceptions' (/x/y.py)", "mcp<2"),
            ("uvx --from mcp[cli] x", "AttributeError: 'Server' object has no attribute 'list_tools'", "mcp<2"),
            ("uvx x", "ModuleNotFoundError: No module named 'requests'", DAY),
            ("uvx x", "TypeError: FastMCP.__init__() got an unexpected keyword argument 'port'", DAY),
            ("uvx --with mcp>=2 x", "ModuleNotFoundError: No module named 'mcp.server.fastmcp'", DAY),
            (
                "uvx x",
                "Because the current Python version (3.11.7) does not satisfy Python>=3.12,<4 and x …",
                "Python >=3.12,<4",
            ),
            ("uvx x", "Because x==1 requires Python >=3.13 and only x==1 is available, we can …", "Python >=3.13"),
            ("npx -y x", NODE_SQLITE, "Node.js 22"),
        ] {
            assert_eq!(
                cured(line, &["Traceback (most recent call last):", output]).as_deref(),
                Some(remedy),
                "{output}"
            );
        }
        let native = ["Error: Could not locate the bindings file. Tried:", " → /srv/node_modules/sqlite3/build/x.node"];
        assert_eq!(cured("npx -y x", &native).as_deref(), Some("the install script of sqlite3"));
    }

    #[test]
    fn what_was_tried_is_not_tried_again() {
        let words: Vec<_> = ["x".to_owned()].into();
        let run = recognize("uvx", &words).unwrap().unwrap();
        let lines = ["ImportError: cannot import name 'McpError' from 'mcp.shared.exceptions'".to_owned()];
        let mut tried = Vec::new();
        while let Some(cure) = cure(&run, &lines, |change| !tried.contains(change)) {
            tried.push(cure.change);
        }
        let bound = PackageRequirement { name: "mcp".into(), extras: vec![], versions: "<2".into() };
        let bound = PackageRemedy::Bound(bound);
        assert_eq!(tried, [CureChange::Remedy(bound.clone()), CureChange::DayAfterRelease]);
        assert!(!CureChange::DayAfterRelease.is_in([&bound]));
        assert!(CureChange::DayAfterRelease.is_in([&bound, &PackageRemedy::AsOf(crate::model::Timestamp::now())]));
    }

    #[test]
    fn other_failures_are_left_alone() {
        for (line, output) in [
            ("uvx x", "KeyError: 'attribute'"),
            ("uvx -p 3.11 x", "the current Python version (3.11.7) does not satisfy Python>=3.12 and x …"),
            ("uvx x", "the current Python version (3.11.7) does not satisfy Python/usr/bin/python3"),
            ("uvx x", "No such built-in module: node:sqlite"),
            ("npx x", "No module named 'mcp.server.fastmcp'"),
            ("uvx --with mcp>=2 x", "No module named 'mcp.server.fastmcp'"),
            ("npx x", "Could not locate the bindings file. Tried: /srv/node_modules/unheard-of/build/x.node"),
            ("npx x", "Error: APIFY_TOKEN is required"),
        ] {
            assert_eq!(cured(line, &[output]), None, "{line}: {output}");
        }
    }
}
