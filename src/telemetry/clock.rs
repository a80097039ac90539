//! The time of spans: that of the wall, counted by the clock that never goes back, so that what follows is shown after.

use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::model::Timestamp;

/// Difference up to which the clocks agree: less may also be a thread that was preempted between the two.
const DRIFT_MAX: Duration = Duration::from_millis(20);

/// A moment, and the nanoseconds since 1970 to it.
#[derive(Debug)]
struct Anchor(Instant, u64);

/// Counts from a moment that both clocks know.
#[derive(Debug)]
pub(super) struct SpanClock(ArcSwap<Anchor>);

impl SpanClock {
    pub(super) fn new() -> Self {
        Self(ArcSwap::from_pointee(Anchor(Instant::now(), Timestamp::unix_nanos_now())))
    }

    /// This moment, and the nanoseconds since 1970 to it. Follows the clock on the wall from now on where that was set.
    pub(super) fn now(&self) -> (Instant, u64) {
        let (moment, wall) = (Instant::now(), Timestamp::unix_nanos_now());
        let Anchor(since, start) = **self.0.load();
        let counted = start.saturating_add(nanos(since, moment));
        if Duration::from_nanos(counted.abs_diff(wall)) <= DRIFT_MAX {
            return (moment, counted);
        }
        self.0.store(Anchor(moment, wall).into());
        (moment, wall)
    }
}

/// Nanoseconds from one moment to a later one; none where it is not later.
pub(super) fn nanos(from: Instant, to: Instant) -> u64 {
    to.saturating_duration_since(from).as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn moments_are_as_far_apart_as_they_were_and_a_clock_that_was_set_is_followed() {
        let clock = SpanClock::new();
        let (_, first) = clock.now();
        tokio::time::advance(Duration::from_millis(3)).await;
        let (_, second) = clock.now();
        assert_eq!(second - first, 3_000_000);
        tokio::time::advance(Duration::from_secs(3600)).await;
        let (_, third) = clock.now();
        assert!(third.abs_diff(second) < 1_000_000_000, "the wall says otherwise");
    }
}
