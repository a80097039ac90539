//! [`ServerSettings`]: limits of the servers that callers register.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    model::{LauncherUse, Limits, SandboxLevel},
    policy::{catalogue_source::CatalogueSource, command::AllowedCommands, environment::AllowedVariables},
};

/// Limits of the servers that callers register.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Command lines that callers without `mcp:manage` may register.
    pub allowed_commands: AllowedCommands,
    /// Variables that servers may be given though their names are refused without.
    pub allowed_variables: AllowedVariables,
    /// Containment of the servers that name none.
    pub sandbox: SandboxLevel,
    /// Treatment of launchers of packages.
    pub launchers: LauncherUse,
    /// Packages of npm whose install scripts are run.
    pub install_scripts: Vec<String>,
    /// Pause between looks for newer versions of packages that servers follow.
    pub package_update_interval: Duration,
    /// Further sources of the catalogue; without any, nothing is asked.
    pub catalogues: Vec<CatalogueSource>,
    /// Bearer tokens for sources, by their names.
    pub catalogue_tokens: Vec<(String, SecretString)>,
    /// Address of the account whose servers anybody may list at `/v0.1/servers`; `None`: those who authenticate alone.
    pub published_as: Option<String>,
    /// Calls that one server may have in flight.
    pub max_in_flight: usize,
    /// Limits of the processes of servers that name none; `None` is no bound.
    pub limits: Limits,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            allowed_commands: AllowedCommands::ManagersOnly,
            allowed_variables: AllowedVariables::default(),
            sandbox: SandboxLevel::default(),
            launchers: LauncherUse::default(),
            install_scripts: Vec::new(),
            package_update_interval: Duration::from_secs(24 * 60 * 60),
            catalogues: Vec::new(),
            catalogue_tokens: Vec::new(),
            published_as: None,
            max_in_flight: 256,
            // A browser with a dozen pages stays below a third of each, and a package of npm or PyPI with its cache and
            // its models mostly takes less than half of the disk space.
            limits: Limits {
                memory_mb: Some(4096),
                processes: Some(512),
                cpu_percent: None,
                open_files: None,
                disk_mb: Some(8192),
            },
        }
    }
}
