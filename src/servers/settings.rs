//! [`ServerSettings`]: limits of the servers that callers register.

use crate::{
    model::SandboxLevel,
    policy::{command::AllowedCommands, environment::AllowedVariables},
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
    /// Calls that one server may have in flight.
    pub max_in_flight: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            allowed_commands: AllowedCommands::ManagersOnly,
            allowed_variables: AllowedVariables::default(),
            sandbox: SandboxLevel::default(),
            max_in_flight: 256,
        }
    }
}
