//! Wall-clock time: UTC, whole milliseconds, RFC 3339 on the wire.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, cut to milliseconds. For intervals use `tokio::time::Instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The present moment; this file alone reads the wall clock.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn now() -> Self {
        Self(Utc::now().trunc_subsecs(3))
    }

    /// Nanoseconds since 1970 to the present moment, for what is compared with the clocks of others.
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn unix_nanos_now() -> u64 {
        Utc::now().timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or_default()
    }

    /// The time as stored in the database: UTC, without a zone.
    #[must_use]
    pub fn naive(self) -> NaiveDateTime {
        self.0.naive_utc()
    }

    /// Seconds since 1970, as tokens count them.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Whole minutes since 1970, as buckets of time are counted.
    #[must_use]
    pub fn unix_minutes(self) -> i64 {
        self.unix_seconds().div_euclid(60)
    }

    /// Whole hours since 1970.
    #[must_use]
    pub fn unix_hours(self) -> i64 {
        self.unix_seconds().div_euclid(3600)
    }

    /// The moment that so many minutes since 1970 are; 1970 where that is past the calendar.
    #[must_use]
    pub fn of_unix_minutes(minutes: i64) -> Self {
        Self(DateTime::from_timestamp(minutes.saturating_mul(60), 0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH))
    }

    /// This moment plus `duration`; the last representable moment where that is past the calendar.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let step = chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX);
        Self(self.0.checked_add_signed(step).unwrap_or(DateTime::<Utc>::MAX_UTC).trunc_subsecs(3))
    }

    /// This moment less `duration`; 1970 where that is before the calendar.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let step = chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX);
        Self(self.0.checked_sub_signed(step).unwrap_or(DateTime::<Utc>::UNIX_EPOCH).trunc_subsecs(3))
    }
}

impl From<NaiveDateTime> for Timestamp {
    fn from(naive: NaiveDateTime) -> Self {
        Self(naive.and_utc().trunc_subsecs(3))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl std::str::FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.to_utc().trunc_subsecs(3)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
