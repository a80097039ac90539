//! The time of the gateway: the span since it was made, which `policy` counts in.

use std::time::Duration;

use tokio::time::Instant;

/// A start, shared by copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Duration {
        self.0.elapsed()
    }
}

/// Milliseconds, as atomics hold them.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time as figures show it: milliseconds, to the microsecond.
pub(super) fn shown(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
