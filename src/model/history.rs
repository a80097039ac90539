//! Counters over time: call rollups and changes of health.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{HealthStatus, Latencies, Timestamp};

/// The bucket length of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A minute; kept for 48 hours.
    Minute,
    /// An hour; kept for 60 days.
    Hour,
    /// A day, in UTC; kept for two years.
    Day,
}

impl Step {
    /// Its length in minutes.
    #[must_use]
    pub fn minutes(self) -> i16 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 1440,
        }
    }

    /// The age in minutes at which its buckets are deleted.
    #[must_use]
    pub fn retention_minutes(self) -> i64 {
        match self {
            Self::Minute => 48 * 60,
            Self::Hour => 60 * 24 * 60,
            Self::Day => 2 * 365 * 24 * 60,
        }
    }

    /// The beginning of the bucket that a minute since 1970 is in.
    #[must_use]
    pub fn floor(self, minute: i64) -> i64 {
        let length = i64::from(self.minutes());
        minute.div_euclid(length).saturating_mul(length)
    }
}

/// Calls, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Number of calls.
    pub calls: i64,
    /// Of those, failed.
    pub errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub execution_time: i64,
    /// Their execution times, one by one.
    pub latencies: Latencies,
}

impl Rollup {
    /// Counts a call.
    pub fn add(&mut self, success: bool, execution_time: i64) {
        self.calls = self.calls.saturating_add(1);
        self.errors = self.errors.saturating_add(i64::from(!success));
        self.execution_time = self.execution_time.saturating_add(execution_time);
        self.latencies.add(execution_time);
    }

    /// Adds what another one counted.
    pub fn absorb(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.execution_time = self.execution_time.saturating_add(other.execution_time);
        self.latencies.absorb(&other.latencies);
    }
}

/// A server's health from a moment on, until the next change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HealthChange {
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// In one word.
    pub health_status: HealthStatus,
    /// The reason, where there is more to say.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_on_the_hour_and_at_midnight_utc() {
        assert_eq!(Step::Minute.floor(12345), 12345);
        assert_eq!(Step::Hour.floor(12345), 12300);
        assert_eq!(Step::Day.floor(3 * 1440 + 1439), 3 * 1440);
        assert_eq!(Step::Hour.floor(-1), -60);
    }

    #[test]
    fn sums_of_sums_are_sums() {
        let (mut one, mut other) = (Rollup::default(), Rollup::default());
        one.add(true, 3);
        other.add(false, 9);
        one.absorb(&other);
        assert_eq!((one.calls, one.errors, one.execution_time), (2, 1, 12));
        assert_eq!(one.latencies.quantile(1000), Some(9.0));
    }
}
