//! Packages of PyPI: resolved and installed by `uv` into a virtual environment, with their hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::lock::Lock;
use crate::model::{PackageRegistry, PackageRequirement, PackageRun};

const WANTED: &str = "requirements.in";
const LOCK: &str = "requirements.txt";
const ENVIRONMENT: &str = "venv";

/// No Python is fetched, as what it would come from is no registry of packages; bytecode says nothing of the time when
/// it was made, so that two installations of one lock are the same; and the certificates are those of the machine, as
/// for npm.
pub(super) const VARIABLES: [(&str, &str); 3] =
    [("UV_PYTHON_DOWNLOADS", "never"), ("PYC_INVALIDATION_MODE", "UNCHECKED_HASH"), ("UV_SYSTEM_CERTS", "1")];

/// The folder of an installation's programs.
pub(super) const PROGRAMS: &str = "venv/bin";

/// Writes what is to be resolved into a folder; the arguments of uv that resolve it.
pub(super) fn begin_resolving(folder: &Path, run: &PackageRun) -> io::Result<Vec<String>> {
    let lines: Vec<_> = run.packages.iter().map(line).collect();
    fs::write(folder.join(WANTED), lines.join("\n"))?;
    let words = ["pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", WANTED, "-o", LOCK];
    Ok(with_python(&words, run.python.as_deref()))
}

/// Reads what was resolved.
pub(super) fn resolved(folder: &Path, run: &PackageRun) -> io::Result<Lock> {
    let text = fs::read_to_string(folder.join(LOCK))?;
    let name = run.packages.first().map(|package| normal(&package.name)).unwrap_or_default();
    let version = versions(&text).find_map(|(found, version)| (found == name).then(|| version.to_owned()));
    let version = version.ok_or_else(|| io::Error::other("uv resolved no version"))?;
    let files = BTreeMap::from([(LOCK.to_owned(), text)]);
    Ok(Lock { registry: PackageRegistry::PyPi, files, python: run.python.clone(), version })
}

/// All packages of a lock, with their versions.
pub(super) fn packages(files: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let text = files.get(LOCK).map_or("", String::as_str);
    versions(text).map(|(name, version)| (name, BTreeSet::from([version.to_owned()]))).collect()
}

/// The packages of a lock's text, by their names in normal form.
fn versions(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.lines().filter_map(|line| {
        let (found, rest) = line.split_once("==").filter(|_| !line.starts_with([' ', '#']))?;
        let found = found.split('[').next().unwrap_or(found);
        Some((normal(found), rest.split([' ', ';', '\\']).next().unwrap_or(rest)))
    })
}

/// The arguments of uv, one use after the other, that install a lock. The bytecode is compiled now: servers, which may
/// not write here, would compile it at each start.
pub(super) fn installing(python: Option<&str>) -> [Vec<String>; 2] {
    let interpreter = format!("{ENVIRONMENT}/bin/python");
    let words = [
        "pip",
        "sync",
        "--quiet",
        "--require-hashes",
        "--compile-bytecode",
        "--link-mode",
        "copy",
        "--python",
        &interpreter,
        LOCK,
    ];
    [with_python(&["venv", "--quiet", "--no-project", ENVIRONMENT], python), words.map(str::to_owned).to_vec()]
}

fn with_python(words: &[&str], python: Option<&str>) -> Vec<String> {
    let option = python.map(|python| ["--python", python]).into_iter().flatten();
    words.iter().copied().chain(option).map(str::to_owned).collect()
}

/// A requirement as uv reads it.
fn line(PackageRequirement { name, extras, versions }: &PackageRequirement) -> String {
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    format!("{name}{extras}{versions}")
}

/// A name in its normal form (PEP 503).
fn normal(name: &str) -> String {
    let parts: Vec<_> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_package_are_one() {
        assert_eq!(["A.b_C", "a--b.-c", "a-b-c"].map(normal), ["a-b-c"; 3]);
    }
}
