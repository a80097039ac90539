//! Protocol revisions, and the two eras they fall into.

/// The stateless revision: version and capabilities travel with every request.
pub const MODERN: &str = "2026-07-28";

/// The newest revision with the `initialize` handshake; what we offer to a server of that era.
pub const LATEST_LEGACY: &str = "2025-11-25";

/// Every revision, oldest first.
pub const REVISIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", LATEST_LEGACY, MODERN];

/// Era of the protocol spoken with a server, for the life of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, then a session.
    Legacy,
    /// `server/discover`, then `_meta` on every request.
    Modern,
}

/// True when `version` is a revision with the handshake.
#[must_use]
pub fn is_legacy(version: &str) -> bool {
    version != MODERN && REVISIONS.contains(&version)
}
