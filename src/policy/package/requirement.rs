//! A package of a registry, as an argument of a launcher names it.

use crate::model::{PackageRegistry, PackageRequirement, PackageRun};

/// Characters that PyPI's specifiers begin with (PEP 440).
const SPECIFIERS: [char; 5] = ['=', '<', '>', '!', '~'];

/// The name of a package of npm; `None` for what is none, or names versions as well.
pub fn npm_name(text: &str) -> Option<String> {
    npm(text).map(|package| package.name).filter(|name| name == text)
}

/// True when what `found` was resolved to, with this version of its first package, will do for what `wanted` asks for:
/// the same packages in the same words, or the first of them in any version, or in just this one.
pub fn is_met(wanted: &PackageRun, found: &PackageRun, version: &str) -> bool {
    let [(first, others), (of_found, others_found)] =
        [wanted, found].map(|run| run.packages.split_at(run.packages.len().min(1)));
    let exact = match wanted.registry {
        PackageRegistry::Npm => version.to_owned(),
        PackageRegistry::PyPi => format!("=={version}"),
    };
    let is_met = first.iter().zip(of_found).all(|(first, of_found)| {
        let versions = &first.versions;
        (&first.name, &first.extras) == (&of_found.name, &of_found.extras)
            && (versions.is_empty() || *versions == exact || *versions == of_found.versions)
    });
    is_met && (wanted.registry, others, &wanted.python) == (found.registry, others_found, &found.python)
}

/// Reads a package as npm's launchers take it; `None` for what is not of the registry: folders, URLs, repositories,
/// aliases.
pub(super) fn npm(text: &str) -> Option<PackageRequirement> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(text.len(), |(at, _)| at);
    let (name, versions) = text.split_at_checked(at)?;
    let versions = versions.strip_prefix('@').unwrap_or(versions);
    let bare = name.strip_prefix('@').map_or(Some(name), |scoped| {
        let (scope, name) = scoped.split_once('/')?;
        is_npm_name(scope).then_some(name)
    })?;
    // A version holds none of these; a URL, a path or an alias does.
    let is_plain = !versions.contains(['/', ':']);
    (is_npm_name(bare) && is_plain).then(|| PackageRequirement {
        name: name.into(),
        extras: Vec::new(),
        versions: if versions == "latest" { String::new() } else { versions.into() },
    })
}

/// Reads a package as Python's launchers take it, `name@version` too; `None` for what is not of the index: paths,
/// URLs, and requirements with conditions.
pub(super) fn pypi(text: &str) -> Option<PackageRequirement> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = text.find(|c: char| !is_pypi_character(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let (extras, versions) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let versions = match versions.strip_prefix('@') {
        Some("latest") => String::new(),
        Some(version) => format!("=={version}"),
        None => versions.into(),
    };
    let is_plain = versions.is_empty() || versions.starts_with(SPECIFIERS) && !versions.contains(['/', ':', ';', '@']);
    let extras: Vec<_> = extras.split(',').filter(|extra| !extra.is_empty()).map(str::to_owned).collect();
    let are_names = [name].into_iter().chain(extras.iter().map(String::as_str)).all(is_pypi_name);
    (are_names && is_plain).then(|| PackageRequirement { name: name.into(), extras, versions })
}

/// True for one part of a package's name at npm.
fn is_npm_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(is_allowed)
}

/// True for a name of PyPI (PEP 508).
fn is_pypi_name(name: &str) -> bool {
    let ends =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    ends && name.chars().all(is_pypi_character)
}

fn is_pypi_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(found: Option<PackageRequirement>) -> Option<(String, String, String)> {
        found.map(|found| (found.name, found.extras.join(","), found.versions))
    }

    #[test]
    fn other_words_for_one_version_are_met() {
        let run = |packages: &[&str], registry| PackageRun {
            registry,
            packages: packages.iter().map(|text| pypi(text).or_else(|| npm(text)).unwrap()).collect(),
            program: None,
            args: vec![],
            python: None,
        };
        let is_met_by = |wanted: &[&str], found: &[&str]| {
            let [wanted, found] = [wanted, found].map(|packages| run(packages, PackageRegistry::PyPi));
            is_met(&wanted, &found, "1.2")
        };
        for (wanted, found) in [
            (["a"].as_slice(), ["a"].as_slice()),
            (&["a"], &["a==1.2"]),
            (&["a==1.2"], &["a"]),
            (&["a>=1"], &["a>=1"]),
            (&["a", "b<2"], &["a==1.2", "b<2"]),
        ] {
            assert!(is_met_by(wanted, found), "{wanted:?} {found:?}");
        }
        for (wanted, found) in [
            (["a==1.3"].as_slice(), ["a"].as_slice()),
            (&["a>=1"], &["a"]),
            (&["b"], &["a"]),
            (&["a[x]"], &["a"]),
            (&["a", "b"], &["a"]),
            (&["a", "b"], &["a", "b<2"]),
        ] {
            assert!(!is_met_by(wanted, found), "{wanted:?} {found:?}");
        }
        let of_npm = run(&["a"], PackageRegistry::Npm);
        assert!(!is_met(&of_npm, &run(&["a"], PackageRegistry::PyPi), "1.2"));
        assert!(!is_met(&PackageRun { python: Some("3.12".into()), ..of_npm.clone() }, &of_npm, "1.2"));
    }

    #[test]
    fn a_package_of_npm_is_a_name_and_versions() {
        for (text, name, versions) in [
            ("@modelcontextprotocol/server-filesystem", "@modelcontextprotocol/server-filesystem", ""),
            ("@playwright/mcp@latest", "@playwright/mcp", ""),
            ("mcp-remote@^0.1", "mcp-remote", "^0.1"),
            ("x@>=1 <3", "x", ">=1 <3"),
            ("x@next", "x", "next"),
            ("X_y.z~1@", "X_y.z~1", ""),
        ] {
            assert_eq!(parts(npm(text)), Some((name.into(), String::new(), versions.into())), "{text}");
        }
        for other in [
            "",
            ".",
            "./x",
            "../x",
            "/srv/x",
            "@x",
            "@/x",
            "@x/",
            "a/b",
            "github:a/b",
            "x@npm:y@1",
            "x@file:../y",
            "-y",
        ] {
            assert_eq!(npm(other), None, "{other}");
        }
        assert_eq!(npm("git+ssh://host/a.git"), None);
    }

    #[test]
    fn a_package_of_pypi_has_extras_and_specifiers() {
        for (text, name, extras, versions) in [
            ("mcp-server-time", "mcp-server-time", "", ""),
            ("mcp[cli]", "mcp", "cli", ""),
            ("mcp[cli, ws] >= 1.2, < 2", "mcp", "cli,ws", ">=1.2,<2"),
            ("x==1.0", "x", "", "==1.0"),
            ("x@1.0", "x", "", "==1.0"),
            ("x@latest", "x", "", ""),
            ("x[a]@1.0", "x", "a", "==1.0"),
            ("x~=1.0", "x", "", "~=1.0"),
        ] {
            let expected = Some((name.into(), extras.into(), versions.into()));
            assert_eq!(parts(pypi(text)), expected, "{text}");
        }
        for other in [
            "",
            ".",
            "./x",
            "/srv/x",
            "git+https://host/x",
            "x @ https://host/x.whl",
            "x; python_version < '3'",
            "x[",
            "x[a",
            "x[a b-]",
            "-x",
            "x-",
            "x==1;y",
        ] {
            assert_eq!(pypi(other), None, "{other}");
        }
    }
}
