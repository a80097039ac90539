//! How long and how much of the record is kept.

use std::time::Duration;

/// What is kept of the record; what is older or beyond it goes, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long calls are kept; `None` is without an end.
    pub calls_age: Option<Duration>,
    /// Bytes of calls, of all accounts together.
    pub calls_bytes: u64,
    /// Bytes of calls of one account.
    pub calls_bytes_per_user: u64,
    /// How long entries of the audit log are kept; `None` is without an end.
    pub audit_age: Option<Duration>,
    /// Bytes of the audit log.
    pub audit_bytes: u64,
    /// Bytes of a call's arguments, and of its answer, beyond which their beginning alone is kept.
    pub payload_bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            calls_age: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            calls_bytes: 1 << 30,
            calls_bytes_per_user: 256 << 20,
            audit_age: Some(Duration::from_secs(365 * 24 * 60 * 60)),
            audit_bytes: 256 << 20,
            payload_bytes: 64 << 10,
        }
    }
}
