//! Times counted without a lock, from a microsecond to nine hours, in buckets that are right to 7 %.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::model::log_buckets::{BUCKET_COUNT, bucket_of, values_of};

/// Distribution of times over buckets.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    /// All of them together.
    pub sum: Duration,
    /// Their number.
    pub count: u64,
    /// The upper bound of each bucket in seconds, and the number of times in it; the last has no bound.
    pub buckets: Vec<(f64, u64)>,
}

/// Numbers of times by bucket of their microseconds.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKET_COUNT],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(usize::from(bucket_of(micros))) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// Adds what another one counted.
    pub(super) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.buckets.iter().zip(&other.buckets) {
            mine.fetch_add(theirs.load(Relaxed), Relaxed);
        }
    }

    /// Distributes the times over buckets with these bounds in seconds; a time counts as the middle of its own bucket.
    pub(super) fn spread<const N: usize>(&self, bounds: [f64; N]) -> Spread {
        let mut buckets: Vec<_> = bounds.into_iter().chain([f64::MAX]).map(|bound| (bound, 0)).collect();
        let (mut sum, mut total) = (Duration::ZERO, 0);
        for (bucket, count) in (0..=u8::MAX).zip(&self.buckets) {
            let (time, count) = (middle(bucket), count.load(Relaxed));
            sum = sum.saturating_add(time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)));
            total += count;
            if let Some((_, below)) = buckets.iter_mut().find(|(bound, _)| time.as_secs_f64() <= *bound) {
                *below += count;
            }
        }
        Spread { sum, count: total, buckets }
    }

    /// The times that these shares of all do not exceed, each as the middle of its bucket; `None` before the first.
    pub(super) fn quantiles<const N: usize>(&self, per_mille: [u64; N]) -> Option<[Duration; N]> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        (total > 0).then(|| per_mille.map(|share| quantile(&counts, (total * share).div_ceil(1000).max(1))))
    }
}

fn quantile(counts: &[u64], rank: u64) -> Duration {
    let mut seen = 0;
    let reached = (0..=u8::MAX).zip(counts).find(|(_, count)| {
        seen += **count;
        seen >= rank
    });
    middle(reached.map_or(0, |(bucket, _)| bucket))
}

fn middle(bucket: u8) -> Duration {
    let values = values_of(bucket);
    Duration::from_micros(values.start().midpoint(*values.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_seven_per_cent() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles([500]), None);
        (1..=1000).for_each(|millis| histogram.record(Duration::from_millis(millis)));
        let read = histogram.quantiles([500, 900, 990]).unwrap();
        for (found, expected) in read.iter().zip([500.0, 900.0, 990.0]) {
            let found = found.as_secs_f64() * 1000.0;
            assert!((found / expected - 1.0).abs() < 0.07, "{found} instead of {expected}");
        }
    }

    #[test]
    fn times_are_spread_over_the_buckets_asked_for() {
        let histogram = Histogram::default();
        [1, 3, 700, 90_000].into_iter().for_each(|millis| histogram.record(Duration::from_millis(millis)));
        let Spread { sum, count, buckets } = histogram.spread([0.002, 0.5, 1.0]);
        let counts: Vec<_> = buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!((count, counts), (4, vec![1, 1, 1, 1]));
        assert!((sum.as_secs_f64() / 90.704 - 1.0).abs() < 0.07, "{sum:?}");
    }

    #[test]
    fn one_time_is_every_quantile() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(5));
        assert_eq!(histogram.quantiles([500, 990]), Some([Duration::from_micros(5); 2]));
    }

    #[test]
    fn what_another_counted_can_be_added() {
        let (one, other) = (Histogram::default(), Histogram::default());
        other.record(Duration::from_millis(3));
        one.absorb(&other);
        assert!(one.quantiles([500]).is_some());
    }
}
