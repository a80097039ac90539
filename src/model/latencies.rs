//! A histogram of call durations in buckets that grow with their values: read back within 7 %.

use crate::model::log_buckets::{bucket_of, values_of};

/// Counts of milliseconds, eight buckets for each doubling: as many as are needed, the last one not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Counts one.
    pub fn add(&mut self, milliseconds: i64) {
        self.add_to(bucket_of(u64::try_from(milliseconds).unwrap_or(0)), 1);
    }

    /// Adds what another one counted.
    pub fn absorb(&mut self, other: &Self) {
        other.counts().for_each(|(bucket, count)| self.add_to(bucket, count));
    }

    fn add_to(&mut self, bucket: u8, count: u64) {
        let bucket = usize::from(bucket);
        if self.0.len() <= bucket && count > 0 {
            self.0.resize(bucket.saturating_add(1), 0);
        }
        if let Some(bucket_count) = self.0.get_mut(bucket) {
            *bucket_count = bucket_count.saturating_add(count);
        }
    }

    /// The buckets that are not empty.
    fn counts(&self) -> impl Iterator<Item = (u8, u64)> {
        (0..=u8::MAX).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The milliseconds that so many of a thousand took at most: the middle of a bucket; `None` of nothing.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> Option<f64> {
        let total = self.0.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let rank = total.saturating_mul(per_mille).div_ceil(1000).max(1);
        let mut seen = 0_u64;
        let reached = self.counts().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.map(|(bucket, _)| middle(bucket))
    }

    /// For the database: each bucket that is not empty, a byte, and its count, seven bits a byte, the lowest first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len().saturating_mul(3));
        for (bucket, count) in self.counts() {
            bytes.push(bucket);
            let mut rest = count;
            loop {
                let low = u8::try_from(rest & 0x7f).unwrap_or(0);
                rest >>= 7;
                bytes.push(if rest == 0 { low } else { low | 0x80 });
                if rest == 0 {
                    break;
                }
            }
        }
        bytes
    }

    /// Adds what another one counted, from its bytes; `None`, and some of it is added, where they are not such.
    pub fn absorb_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let mut bytes = bytes.iter().copied();
        while let Some(bucket) = bytes.next() {
            let (mut count, mut shift) = (0_u64, 0_u32);
            loop {
                let byte = bytes.next()?;
                count |= u64::from(byte & 0x7f).checked_shl(shift)?;
                if byte & 0x80 == 0 {
                    break;
                }
                shift = shift.checked_add(7)?;
            }
            self.add_to(bucket, count);
        }
        Some(())
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "the middle of a bucket is a rough figure")]
fn middle(bucket: u8) -> f64 {
    let values = values_of(bucket);
    (*values.start() as f64 + *values.end() as f64) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Latencies {
        let mut latencies = Latencies::default();
        values.into_iter().for_each(|value| latencies.add(value));
        latencies
    }

    #[test]
    fn quantiles_are_right_to_seven_per_cent() {
        assert_eq!(Latencies::default().quantile(500), None);
        let latencies = of(1..=1000);
        for (per_mille, expected) in [(500, 500.0), (950, 950.0), (990, 990.0)] {
            let found = latencies.quantile(per_mille).unwrap();
            assert!((found / expected - 1.0_f64).abs() < 0.07, "{found} instead of {expected}");
        }
        assert_eq!(of([3]).quantile(1), Some(3.0));
        assert_eq!(of([-1]).quantile(990), Some(0.0));
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        let mut many = of((0..5000).map(|n| n % 777));
        many.absorb(&of([i64::MAX, 0]));
        let read = |bytes: &[u8]| {
            let mut latencies = Latencies::default();
            latencies.absorb_bytes(bytes).map(|()| latencies)
        };
        assert_eq!(read(&many.to_bytes()), Some(many));
        assert_eq!(read(&[]), Some(Latencies::default()));
        assert_eq!(read(&[9, 0]), Some(Latencies::default()), "as equal as what never was counted");
        assert_eq!(read(&[3]), None);
        assert_eq!(read(&[3, 0x80]), None);
        assert_eq!(read(&[3; 40].map(|byte: u8| byte | 0x80)), None);
    }
}
