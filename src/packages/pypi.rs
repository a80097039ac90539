//! Packages of PyPI: resolved and installed by `uv` into a virtual environment, with their hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::{
    installer::{Installer, InstallerSpec, PackageVersions, Step},
    lock::Lock,
    pin::Wanted,
};
use crate::model::{PackageRegistry, PackageRemedy, PackageRequirement, Timestamp};

pub(super) const WANTED: &str = "requirements.in";
pub(super) const LOCK: &str = "requirements.txt";
const ENVIRONMENT: &str = "venv";

/// A package that installs packages of npm into itself when it is first used, which no server may; and the program that
/// does so now, if there is npm. What it cannot have it does without.
const INSTALLS_MORE: &str = "readabilipy";
const INSTALL_MORE: &str = "import os, shutil, subprocess, sysconfig; npm = shutil.which('npm'); \
    folder = os.path.join(sysconfig.get_path('purelib'), 'readabilipy', 'javascript'); \
    npm and subprocess.run([npm, 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder])";
/// The file with the times at which files were published (PEP 751).
const DATED: &str = "pylock.toml";

/// Beginning of the paths of programs in the list of a package's files.
const PROGRAMS_IN_RECORD: &str = "../../../bin/";

/// The program of uv.
pub(super) const PROGRAM: &str = "uv";

/// uv. No Python is fetched, as what it would come from is no registry of packages; bytecode says nothing of the time
/// when it was made, so that two installations of one lock are the same; and the certificates are those of the machine,
/// as for npm.
pub(super) const UV: Installer = Installer {
    env: &[("UV_PYTHON_DOWNLOADS", "never"), ("PYC_INVALIDATION_MODE", "UNCHECKED_HASH"), ("UV_SYSTEM_CERTS", "1")],
    programs: "venv/bin",
    launched: &[],
    begin,
    resolved,
    packages,
    install,
    programs_of,
    // uv and pipx take no other, also where there is only one.
    own_program: |package, _| Some(package.to_owned()),
    with_program: "uvx --from",
};

/// The programs of a package, by the list of its files (`RECORD` of its `.dist-info`, PEP 376).
fn programs_of(installation: &Path, package: &str) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for python in fs::read_dir(installation.join(ENVIRONMENT).join("lib"))? {
        for entry in fs::read_dir(python?.path().join("site-packages"))? {
            let entry = entry?;
            let folder = entry.file_name();
            let name = folder.to_str().and_then(|name| name.strip_suffix(".dist-info")?.rsplit_once('-'));
            if name.is_none_or(|(name, _)| normal(name) != normal(package)) {
                continue;
            }
            let record = fs::read_to_string(entry.path().join("RECORD"))?;
            let programs = record.lines().filter_map(|line| line.strip_prefix(PROGRAMS_IN_RECORD)?.split(',').next());
            found.extend(programs.map(str::to_owned));
        }
    }
    Ok(found)
}

fn begin(folder: &Path, wanted: &Wanted) -> io::Result<Vec<Step>> {
    write_wanted(folder, wanted)?;
    let words = ["pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", WANTED, "-o", LOCK];
    let compile = wanted.cures.iter().fold(Step::new(PROGRAM, &words), |step, cure| match &cure.remedy {
        PackageRemedy::AsOf(moment) => step.with(&["--exclude-newer", &moment.to_string()]),
        PackageRemedy::Bound(_)
        | PackageRemedy::Node(_)
        | PackageRemedy::InstallScript(_)
        | PackageRemedy::Python(_) => step,
    });
    // What has no wheel is built to be resolved, and to be installed.
    Ok(vec![with_python(compile, wanted.python()).apart()])
}

/// Writes a package's version into a folder; the steps that find out when it was published.
pub(super) fn begin_dating(folder: &Path, name: &str, lock: &Lock) -> io::Result<Vec<Step>> {
    fs::write(folder.join(WANTED), format!("{name}=={}", lock.version))?;
    let words = ["pip", "compile", "--quiet", "--no-deps", "--no-header", WANTED, "-o", DATED];
    Ok(vec![with_python(Step::new(PROGRAM, &words), lock.python.as_deref()).apart()])
}

/// Reads when the last file of a version was published.
pub(super) fn published(folder: &Path) -> io::Result<Timestamp> {
    let text = fs::read_to_string(folder.join(DATED))?;
    let times = text.split("upload-time = ").skip(1).filter_map(|rest| rest.split([',', ' ', '}', '\n']).next());
    let newest = times.filter_map(|time| time.trim_matches('"').parse::<Timestamp>().ok()).max();
    newest.ok_or_else(|| io::Error::other("its registry does not say when it was published"))
}

/// Writes the requirements that are to be resolved into a folder.
pub(super) fn write_wanted(folder: &Path, Wanted { run, cures, .. }: &Wanted) -> io::Result<()> {
    let bounds = cures.iter().filter_map(|cure| match &cure.remedy {
        PackageRemedy::Bound(requirement) => Some(requirement),
        PackageRemedy::Node(_)
        | PackageRemedy::InstallScript(_)
        | PackageRemedy::Python(_)
        | PackageRemedy::AsOf(_) => None,
    });
    let lines: Vec<_> = run.packages.iter().chain(bounds).map(line).collect();
    fs::write(folder.join(WANTED), lines.join("\n"))
}

fn resolved(folder: &Path, wanted: &Wanted) -> io::Result<Lock> {
    let text = fs::read_to_string(folder.join(LOCK))?;
    let version = version(&text, wanted).ok_or_else(|| io::Error::other("uv resolved no version"))?;
    let files = BTreeMap::from([(LOCK.to_owned(), text)]);
    let python = wanted.python().map(str::to_owned);
    Ok(Lock { registry: PackageRegistry::PyPi, files, python, version, is_by_pip: false })
}

/// The version of the first package in resolved requirements.
pub(super) fn version(text: &str, wanted: &Wanted) -> Option<String> {
    let name = normal(wanted.run.name());
    versions(text).find_map(|(found, version)| (found == name).then(|| version.to_owned()))
}

/// All packages of a lock, with their versions.
fn packages(files: &BTreeMap<String, String>) -> PackageVersions {
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

/// The bytecode is compiled now: servers, which may not write here, would compile it at each start.
fn install(folder: &Path, lock: &Lock, _available: &dyn InstallerSpec) -> io::Result<Vec<Step>> {
    let environment = Step::new(PROGRAM, &["venv", "--quiet", "--no-project", ENVIRONMENT]);
    let sync = Step::new(PROGRAM, &["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"]).with(&[
        "--link-mode",
        "copy",
        "--python",
        &format!("{ENVIRONMENT}/bin/python"),
        LOCK,
    ]);
    let steps = [with_python(environment, lock.python.as_deref()), sync.apart()];
    Ok(steps.into_iter().chain(more(folder, lock)).collect())
}

/// True for a lock of which two installations may differ: it does not have all that is installed.
pub(super) fn installs_more(lock: &Lock) -> bool {
    packages(&lock.files).contains_key(INSTALLS_MORE)
}

/// The step that installs what a package would install when it is used.
pub(super) fn more(folder: &Path, lock: &Lock) -> Option<Step> {
    let python = folder.join(ENVIRONMENT).join("bin/python").display().to_string();
    installs_more(lock).then(|| Step::new(python, &["-c", INSTALL_MORE]).apart())
}

fn with_python(step: Step, python: Option<&str>) -> Step {
    match python {
        Some(python) => step.with(&["--python", python]),
        None => step,
    }
}

/// A requirement as uv and pip read it.
fn line(PackageRequirement { name, extras, versions }: &PackageRequirement) -> String {
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    format!("{name}{extras}{versions}")
}

/// A name in its normal form (PEP 503).
pub(super) fn normal(name: &str) -> String {
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

    #[test]
    fn a_version_is_as_old_as_its_newest_file() {
        let folder = std::env::temp_dir().join(format!("ostler-dated-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let published = |text: &str| {
            fs::write(folder.join(DATED), text).unwrap();
            published(&folder).map(|time| time.to_string()).map_err(|error| error.to_string())
        };
        let of_uv = "sdist = { url = \"u\", upload-time = 2025-04-25T10:15:38Z, size = 1 }\n\
            wheels = [{ url = \"u\", upload-time = 2025-04-25T10:15:40.25Z, hashes = {} }]\n";
        assert_eq!(published(of_uv).as_deref(), Ok("2025-04-25T10:15:40.250Z"));
        assert!(published("wheels = [{ url = \"u\" }]").unwrap_err().contains("does not say when"));
        fs::remove_dir_all(folder).unwrap();
    }
}
