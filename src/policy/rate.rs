//! Rate limits: an exact sliding window per key.

use std::time::Duration;

/// So many, in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many are allowed.
    pub quota: u32,
    /// In any span of this length.
    pub window: Duration,
}

impl std::str::FromStr for Limit {
    type Err = String;

    /// Reads `20/60s`; the unit is `ms`, `s`, `m` or `h`.
    fn from_str(_text: &str) -> Result<Self, String> {
        unimplemented!()
    }
}
