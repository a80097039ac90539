//! Packages of npm: resolved and installed by `npm`, without their scripts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde_json::{Value, json};

use super::lock::Lock;
use crate::model::{PackageRegistry, PackageRun};

const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";

/// Options of npm that hold for each of its uses here. Scripts are code of strangers that runs at install.
const OPTIONS: [&str; 6] =
    ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=error"];

/// Writes what is to be resolved into a folder; the arguments of npm that resolve it.
pub(super) fn begin_resolving(folder: &Path, run: &PackageRun) -> io::Result<Vec<String>> {
    let versions = |versions: &str| if versions.is_empty() { "latest".to_owned() } else { versions.to_owned() };
    let dependencies: BTreeMap<_, _> =
        run.packages.iter().map(|package| (&package.name, versions(&package.versions))).collect();
    let package = json!({"name": "ostler-package", "private": true, "dependencies": dependencies});
    fs::write(folder.join(PACKAGE), package.to_string())?;
    // What is cached would hide a release for minutes.
    Ok(arguments(&["install", "--package-lock-only", "--prefer-online"]))
}

/// Reads what was resolved.
pub(super) fn resolved(folder: &Path, run: &PackageRun) -> io::Result<Lock> {
    let text = |name: &str| fs::read_to_string(folder.join(name));
    let (package, lock) = (text(PACKAGE)?, text(LOCK)?);
    let parsed: Value = serde_json::from_str(&lock)?;
    let name = run.packages.first().map_or("", |package| package.name.as_str());
    let version = parsed.pointer(&format!("/packages/{}/version", escape(&format!("node_modules/{name}"))));
    let version =
        version.and_then(Value::as_str).ok_or_else(|| io::Error::other("npm resolved no version"))?.to_owned();
    let files = BTreeMap::from([(PACKAGE.to_owned(), package), (LOCK.to_owned(), lock)]);
    Ok(Lock { registry: PackageRegistry::Npm, files, python: None, version })
}

/// All packages of a lock, with their versions.
pub(super) fn packages(files: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let lock: Value = files.get(LOCK).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for (place, package) in lock.get("packages").and_then(Value::as_object).into_iter().flatten() {
        // The one without a name is what asks for all others.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        let version = package.get("version").and_then(Value::as_str).unwrap_or_default();
        found.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    found
}

/// The arguments of npm that install a lock.
pub(super) fn installing() -> Vec<String> {
    arguments(&["ci"])
}

/// The folder of an installation's programs.
pub(super) const PROGRAMS: &str = "node_modules/.bin";

/// The program that a package has for its own: the only one, or the one that is named like it.
pub(super) fn own_program(installation: &Path, package: &str) -> io::Result<String> {
    let text = fs::read_to_string(installation.join("node_modules").join(package).join(PACKAGE))?;
    let description: Value = serde_json::from_str(&text)?;
    let last = package.rsplit('/').next().unwrap_or(package);
    let programs: Vec<&str> = match description.get("bin") {
        Some(Value::String(_)) => vec![last],
        Some(Value::Object(programs)) => programs.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    match programs.as_slice() {
        [one] => Ok((*one).to_owned()),
        several if several.contains(&last) => Ok(last.to_owned()),
        [] => Err(io::Error::other(format!("{package} has no program to run"))),
        several => {
            Err(io::Error::other(format!("{package} has several programs ({}): name one with -p", several.join(", "))))
        }
    }
}

fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().chain(&OPTIONS).map(ToString::to_string).collect()
}

/// A member's name within a JSON Pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
