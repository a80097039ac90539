//! The programs that resolve and install packages, run as servers are: contained, under a guard, within bounds.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    supervisor::{self, guard::Spec},
    tasks::blocking,
};

/// Longest time that an installer may take: a large tree over a slow line takes minutes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Last lines of what an installer said that its failure tells.
const LINES_MAX: usize = 6;

/// An installer with its arguments.
#[derive(Debug)]
pub(crate) struct InstallerCommand {
    /// Its name on PATH.
    pub(crate) program: &'static str,
    /// Variables of its own.
    pub(crate) env: &'static [(&'static str, &'static str)],
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
}

/// Runs an installer to its end. The error is for people, in the installer's words.
pub(super) async fn run(installers: &Arc<dyn InstallerSpec>, command: InstallerCommand) -> Result<(), String> {
    let (installers, name) = (installers.clone(), command.program);
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
