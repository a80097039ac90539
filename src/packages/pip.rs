//! Packages of PyPI where there is no `uv`: resolved and installed by Python's own `venv` and `pip`, with their hashes.
//!
//! The pip is in an environment of its own, which is removed at the end: compiled files of pip would differ from one
//! installation of a lock to the next. Nothing is built from source, as a build is code of strangers, and what it needs
//! has no hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde::Deserialize;

use super::{
    installer::{Installer, InstallerSpec, Step},
    lock::Lock,
    pin::Wanted,
    pypi::{self, LOCK, WANTED},
};
use crate::model::PackageRegistry;

const REPORT: &str = "report.json";

/// The environment that has pip, beside what it installs.
const TOOL: &str = "pip";

/// Removes pip, and compiles what it installed. A file that is no Python of this version, as templates have it, is
/// left.
const FINISH: &str = "import compileall, os, py_compile, shutil; shutil.rmtree('pip'); \
    compileall.compile_dir(os.path.abspath('venv/lib'), quiet=2, \
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)";

/// Python with its own `venv` and `pip`.
pub(super) const PIP: Installer = Installer {
    env: &[("PIP_DISABLE_PIP_VERSION_CHECK", "1"), ("PIP_NO_INPUT", "1")],
    begin,
    resolved,
    install,
    ..pypi::UV
};

fn begin(folder: &Path, wanted: &Wanted) -> io::Result<Vec<Step>> {
    pypi::write_wanted(folder, wanted)?;
    let resolve = ["install", "--dry-run", "--ignore-installed", "--only-binary", ":all:"];
    let resolve = pip(folder).with(&resolve).with(&["--quiet", "--report", REPORT, "-r", WANTED]);
    Ok(vec![environment(wanted.python(), &[TOOL]), resolve])
}

fn install(folder: &Path, lock: &Lock, _available: &dyn InstallerSpec) -> io::Result<Vec<Step>> {
    let python = folder.join("venv/bin/python").display().to_string();
    let sync = ["install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"];
    let sync = pip(folder).with(&["--python", &python]).with(&sync).with(&["-r", LOCK]);
    let wanted = lock.python.as_deref();
    let environments = [environment(wanted, &[TOOL]), environment(wanted, &["--without-pip", "venv"])];
    let finish = Step::new(python, &["-c", FINISH]);
    Ok(environments.into_iter().chain([sync, finish]).chain(pypi::more(folder, lock)).collect())
}

/// Makes a virtual environment.
fn environment(python: Option<&str>, args: &[&str]) -> Step {
    Step::new(interpreter(python), &["-m", "venv"]).with(args)
}

/// The name of a Python's program, or its path.
fn interpreter(python: Option<&str>) -> String {
    match python {
        None => "python3".into(),
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            let parts: Vec<_> = version.split('.').take(2).collect();
            format!("python{}", parts.join("."))
        }
        Some(program) => program.into(),
    }
}

fn pip(folder: &Path) -> Step {
    Step::new(folder.join(TOOL).join("bin/python").display().to_string(), &["-m", "pip"])
}

/// A report of pip, as far as it is read.
#[derive(Deserialize)]
struct Report {
    install: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    download_info: Download,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Download {
    archive_info: Archive,
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

impl Found {
    /// The line that has exactly this installed.
    fn line(&self) -> io::Result<String> {
        let Metadata { name, version } = &self.metadata;
        let hash = self.download_info.archive_info.hashes.get("sha256");
        let hash = hash.ok_or_else(|| io::Error::other(format!("the index has no sha256 of {name} {version}")))?;
        Ok(format!("{}=={version} --hash=sha256:{hash}\n", pypi::normal(name)))
    }
}

fn resolved(folder: &Path, wanted: &Wanted) -> io::Result<Lock> {
    lock(&fs::read_to_string(folder.join(REPORT))?, wanted)
}

fn lock(report: &str, wanted: &Wanted) -> io::Result<Lock> {
    let report: Report = serde_json::from_str(report)?;
    let lines = report.install.iter().map(Found::line).collect::<io::Result<BTreeSet<_>>>()?;
    let text: String = lines.into_iter().collect();
    let version = pypi::version(&text, wanted).ok_or_else(|| io::Error::other("pip resolved no version"))?;
    let files = BTreeMap::from([(LOCK.to_owned(), text)]);
    let python = wanted.python().map(str::to_owned);
    Ok(Lock { registry: PackageRegistry::PyPi, files, python, version, is_by_pip: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PackageRequirement, PackageRun};

    fn wanted() -> Wanted {
        let package = PackageRequirement { name: "Mcp_Server.Time".into(), extras: vec![], versions: String::new() };
        let run = PackageRun {
            registry: PackageRegistry::PyPi,
            packages: vec![package],
            program: None,
            args: vec![],
            python: None,
        };
        Wanted { run, cures: vec![], scripts: vec![] }
    }

    #[test]
    fn a_report_of_pip_becomes_requirements_with_hashes() {
        let report = r#"{"install": [
            {"download_info": {"url": "u", "archive_info": {"hash": "sha256=bb", "hashes": {"sha256": "bb"}}},
             "metadata": {"name": "mcp_server-time", "version": "1.2", "summary": "x"}},
            {"download_info": {"archive_info": {"hashes": {"sha256": "aa"}}}, "metadata": {"name": "Anyio", "version": "4"}}
        ]}"#;
        let found = lock(report, &wanted()).unwrap();
        assert_eq!(found.version, "1.2");
        assert_eq!(found.files[LOCK], "anyio==4 --hash=sha256:aa\nmcp-server-time==1.2 --hash=sha256:bb\n");
    }

    #[test]
    fn a_file_without_a_hash_is_refused() {
        let report =
            r#"{"install": [{"download_info": {"archive_info": {}}, "metadata": {"name": "a", "version": "1"}}]}"#;
        assert!(lock(report, &wanted()).unwrap_err().to_string().contains("no sha256 of a 1"));
    }

    #[test]
    fn a_python_is_named_by_its_version_or_is_a_program() {
        let names = [None, Some("3.12"), Some("3.12.4"), Some("3"), Some("/usr/bin/python3"), Some("pypy3")];
        let programs = ["python3", "python3.12", "python3.12", "python3", "/usr/bin/python3", "pypy3"];
        assert_eq!(names.map(interpreter), programs);
    }
}
