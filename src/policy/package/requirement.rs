//! A package of a registry, as an argument of a launcher names it.

use crate::model::PackageRequirement;

/// Characters that PyPI's specifiers begin with (PEP 440).
const SPECIFIERS: [char; 5] = ['=', '<', '>', '!', '~'];

/// The name of a package of npm; `None` for what is none, or names versions as well.
pub fn npm_name(text: &str) -> Option<String> {
    npm(text).map(|package| package.name).filter(|name| name == text)
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
