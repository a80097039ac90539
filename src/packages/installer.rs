//! The programs that resolve and install packages, run as servers are: contained, under a guard, within bounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{lock::Lock, pin::Wanted};
use crate::{
    supervisor::{self, guard::Spec},
    tasks::blocking,
};

/// Longest time that an installer may take: a large tree over a slow line takes minutes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Last lines of what an installer said that its failure tells.
const LINES_MAX: usize = 6;

/// Variables that a table names.
type Variables = &'static [(&'static str, &'static str)];

/// Packages by name, with their versions.
pub(super) type PackageVersions = BTreeMap<String, BTreeSet<String>>;

/// Parts in which one installer differs from another.
pub(super) struct Installer {
    /// Variables of its own.
    pub(super) env: Variables,
    /// The folder of an installation's programs.
    pub(super) programs: &'static str,
    /// Variables that launchers of its packages give to the programs.
    pub(super) launched: Variables,
    /// Writes what is to be resolved into a folder; the steps that resolve it.
    pub(super) begin: fn(&Path, &Wanted) -> io::Result<Vec<Step>>,
    /// Reads what was resolved.
    pub(super) resolved: fn(&Path, &Wanted) -> io::Result<Lock>,
    /// All packages of a lock's files by name, with their versions.
    pub(super) packages: fn(&BTreeMap<String, String>) -> PackageVersions,
    /// The steps that install a lock whose files are in a folder.
    pub(super) install: fn(&Path, &Lock, &dyn InstallerSpec) -> io::Result<Vec<Step>>,
    /// The programs that a package has, in an installation.
    pub(super) programs_of: fn(&Path, &str) -> io::Result<BTreeSet<String>>,
    /// The program that launchers take for a package with these programs where none is named, if they take any.
    pub(super) own_program: fn(&str, &BTreeSet<String>) -> Option<String>,
    /// The words of a launcher before the name of a package and that of a program.
    pub(super) with_program: &'static str,
}

/// A use of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its name on PATH, or a path.
    pub(super) program: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// True when it may run code of a package: it gets a home of its own, as what it could write to that of all
    /// installers decides what others are given.
    pub(super) is_apart: bool,
    /// A likely reason for its failure, known beforehand.
    pub(super) lacking: Option<String>,
}

impl Step {
    pub(super) fn new(program: impl Into<String>, args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        Self { program: program.into(), args, is_apart: false, lacking: None }
    }

    /// With a home of its own.
    pub(super) fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// With a reason that its failure tells besides.
    pub(super) fn on_failure(self, lacking: String) -> Self {
        Self { lacking: Some(lacking), ..self }
    }

    /// With further arguments.
    pub(super) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }
}

/// An installer with its arguments.
#[derive(Debug)]
pub(crate) struct InstallerCommand {
    /// Its name on PATH, or its path.
    pub(crate) program: String,
    /// Variables of its own.
    pub(crate) env: Variables,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// The folder that it works in, and may write to.
    pub(crate) dir: PathBuf,
    /// Its home, which has what it downloaded.
    pub(crate) home: PathBuf,
}

/// Makes what a guard runs of an installer.
pub(crate) trait InstallerSpec: Send + Sync {
    /// The program that guards it, and what that runs. Blocks.
    fn spec(&self, command: &InstallerCommand) -> (PathBuf, Spec);

    /// The program of this name on PATH, without links. Blocks.
    fn find(&self, program: &str) -> Option<PathBuf>;
}

/// Runs an installer to its end. The error is for people, in the installer's words.
pub(super) async fn run(installers: &Arc<dyn InstallerSpec>, command: InstallerCommand) -> Result<(), String> {
    let (installers, name) = (installers.clone(), command.program.clone());
    let (guard, spec) = blocking(move || Ok(installers.spec(&command))).await.map_err(|error| error.to_string())?;
    let run = supervisor::run_to_end(&guard, &spec);
    let ended = tokio::time::timeout(TIMEOUT, run).await;
    let ended = ended.map_err(|_| format!("{name} did not end within {} s", TIMEOUT.as_secs()))?;
    let ended = ended.map_err(|error| format!("{name} could not be run: {error}"))?;
    if ended.is_success {
        return Ok(());
    }
    let lines: Vec<_> = ended.said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES_MAX)..).unwrap_or_default().join("\n");
    Err(match ended.failure {
        Some(failure) => {
            format!(
                "{name}, which installs packages, could not be run: {failure}; install it, or set MCP_LAUNCHERS to keep"
            )
        }
        None if last.is_empty() => format!("{name} failed without a word"),
        None => last,
    })
}
