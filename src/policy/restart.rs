//! When to restart a server, how long to wait, and when to give up.

use std::time::Duration;

/// How crashes are answered; the defaults are DESIGN's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// Whether an unexpected exit is answered by a restart at all.
    pub auto_restart: bool,
    /// Failures in a row before the server is parked; 0 means never.
    pub max_retries: u32,
    /// First wait; doubles with each failure in a row.
    pub base: Duration,
    /// Longest wait.
    pub cap: Duration,
    /// A run that stays ready this long forgives all failures before it.
    pub forgive_after: Duration,
    /// How often a parked server is tried again.
    pub probe_every: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            auto_restart: true,
            max_retries: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            forgive_after: Duration::from_secs(60),
            probe_every: Duration::from_secs(300),
        }
    }
}
