//! Places in an installation that the list of an archive names.

use super::super::manifest::{Entry, FILE, Manifest};
use crate::model::PackageRegistry;

/// Bytes of the longest path that a system takes (`PATH_MAX`).
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// Permissions of files, as an installation has them.
const FILE_MODES: [u32; 2] = [0o644, 0o755];

/// Fails for a file or link that could not be in an installation, or would lead out of it. The error names it.
pub(super) fn check(path: &str, entry: &Entry, manifest: &Manifest, registry: PackageRegistry) -> Result<(), String> {
    let refused = |why: &str| Err(format!("{path:?} {why}"));
    if path.starts_with('/') || !path.split('/').all(is_plain) || path.len() > PATH_BYTES_MAX || path.contains('\0') {
        return refused("is no path within it");
    }
    if path == FILE {
        return refused("is the list itself");
    }
    let mut above = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    if above.any(|above| manifest.entry(above).is_some()) {
        return refused("lies below what is no folder");
    }
    match entry.link() {
        Some(target) if leads_inside(path, target) => Ok(()),
        // It is replaced by the one of this machine.
        Some(target) if target.starts_with('/') && registry == PackageRegistry::PyPi && is_interpreter(path) => Ok(()),
        Some(target) => refused(&format!("is a link that leads outside, to {target:?}")),
        None if !entry.is_file() => refused("is neither a file nor a link"),
        None if FILE_MODES.contains(&entry.mode()) => Ok(()),
        None => refused(&format!("has the permissions {:o}, and not 644 or 755", entry.mode())),
    }
}

/// True for the link to the interpreter of the machine that an environment of Python was made on.
fn is_interpreter(path: &str) -> bool {
    let name = path.strip_prefix("venv/bin/");
    name.is_some_and(|name| name.starts_with("python") && !name.contains('/'))
}

/// True for the name of something in a folder.
fn is_plain(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
}

/// True for a link that stays in its installation wherever other links of it lead: it goes up through its own folders,
/// which are no links, at its beginning only.
fn leads_inside(path: &str, target: &str) -> bool {
    let depth = path.matches('/').count();
    let mut parts = target.split('/').peekable();
    let mut up = 0_usize;
    while parts.next_if(|part| *part == "..").is_some() {
        up = up.saturating_add(1);
    }
    up <= depth && parts.all(is_plain) && !target.is_empty() && !target.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_inside_or_not() {
        for (path, target) in
            [("node_modules/.bin/a", "../a/cli.js"), ("a", "b/c"), ("a/b/c", "../.."), ("venv/bin/python3", "python")]
        {
            assert!(leads_inside(path, target), "{path} {target}");
        }
        for (path, target) in [
            ("a", ".."),
            ("a/b", "../../c"),
            ("a", "/etc/passwd"),
            ("a", ""),
            ("a/b", "c/../../.."),
            // Where c is a link to the installation itself, this is outside.
            ("a/b/d", "c/../x"),
            ("a", "./b"),
            ("a", "b//c"),
            ("a", "b/"),
        ] {
            assert!(!leads_inside(path, target), "{path} {target}");
        }
    }
}
