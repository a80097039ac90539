//! Known reasons for which packages fail at start because of what they are resolved to today, and what cures each.
//!
//! The lines of a program choose among these changes alone. None of them gives it anything that it could not have by
//! its own command line or its own dependencies, but for install scripts, which are run for the packages listed here
//! only.

use crate::model::{PackageCure, PackageRegistry, PackageRemedy, PackageRequirement, PackageRun};

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
}

/// Programs written for the first Python SDK, whose authors named no upper bound.
const MCP_1: Cure = Cure::Bound("mcp", "<2");

/// The oldest Node.js that has all that the newest published servers use.
const NODE_22: Cure = Cure::Node("22");

const KNOWN: [KnownFailure; 10] = [
    python(&["This is mcp 2.x"], MCP_1),
    python(&["No module named 'mcp."], MCP_1),
    python(&["cannot import name", "from 'mcp"], MCP_1),
    python(&["'Server' object has no attribute"], MCP_1),
    python(&["'FastMCP' object has no attribute"], MCP_1),
    node(&["No such built-in module: node:"], NODE_22),
    node(&["equires Node", "22"], NODE_22),
    node(&["does not provide an export named", "'node:"], NODE_22),
    node(&["Could not locate the bindings file"], Cure::InstallScript),
    node(&["Cannot find module", ".node'"], Cure::InstallScript),
];

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

/// The change that cures a failure at start, by the last lines of it; `None` where the reason is not known.
pub fn cure(run: &PackageRun, lines: &[String]) -> Option<PackageCure> {
    let known = KNOWN.iter().filter(|known| known.registry == run.registry);
    known
        .filter_map(|known| {
            let line = lines.iter().find(|line| known.words.iter().all(|words| line.contains(words)))?;
            Some(PackageCure { remedy: known.cure.remedy(run, lines)?, line: line.trim().to_owned() })
        })
        .next()
}

impl Cure {
    fn remedy(&self, run: &PackageRun, lines: &[String]) -> Option<PackageRemedy> {
        match *self {
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
        }
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
        cure(&run, &lines).map(|cure| cure.remedy.to_string())
    }

    #[test]
    fn words_of_published_servers_are_known() {
        const NODE_SQLITE: &str = "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite";
        for (line, output, remedy) in [
            ("uvx x", "ModuleNotFoundError: No module named 'mcp.server.fastmcp'. This is mcp 2.x, where …", "mcp<2"),
            ("uvx x", "ImportError: cannot import name 'McpError' from 'mcp.shared.exceptions' (/x/y.py)", "mcp<2"),
            ("uvx --from mcp[cli] x", "AttributeError: 'Server' object has no attribute 'list_tools'", "mcp<2"),
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
    fn other_failures_are_left_alone() {
        for (line, output) in [
            ("uvx x", "ModuleNotFoundError: No module named 'requests'"),
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
