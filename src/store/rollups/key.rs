//! [`RollupKey`]: the calls that a row counts.

/// Stands for all tools of a server, and for all servers.
pub const ALL: &str = "";

/// Calls that a row counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollupKey {
    /// A server's id, or [`ALL`].
    pub server: String,
    /// A tool's name, or [`ALL`].
    pub tool: String,
    /// Minutes since 1970.
    pub start: i64,
}
