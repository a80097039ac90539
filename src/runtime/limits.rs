//! The rate limits of one runtime: a window per policy and key, forgotten when idle.

/// The windows of every policy.
pub struct Limits {}
