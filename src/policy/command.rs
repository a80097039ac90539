//! Which command lines may be written by whom: `MCP_ALLOWED_COMMANDS`.

/// Which command lines callers without `mcp:manage` may register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedCommands {
    /// None.
    #[default]
    ManagersOnly,
    /// Any.
    Everything,
    /// Those that match a template, such as `npx -y @scope/name*` or `/opt/mcp/*`.
    Templates(Vec<String>),
}
