//! Buckets that grow with their values, eight for each doubling: the middle of one is right to 7 %.

use std::ops::RangeInclusive;

/// Number of buckets: enough for the largest values that are measured; greater ones are in the last.
pub(crate) const BUCKET_COUNT: usize = 256;

/// Bits of a value that tell buckets of one doubling apart.
const SUB_BUCKET_BITS: u32 = 3;

/// The bucket of a value: the position of its highest bit, then the three bits that follow.
pub(crate) fn bucket_of(value: u64) -> u8 {
    let Some(doubling) = value.checked_ilog2().and_then(|log| log.checked_sub(SUB_BUCKET_BITS)) else {
        return u8::try_from(value).unwrap_or(u8::MAX);
    };
    let bucket = u64::from(doubling).saturating_mul(1 << SUB_BUCKET_BITS).saturating_add(value >> doubling);
    u8::try_from(bucket).unwrap_or(u8::MAX)
}

/// The values of a bucket; the last one has greater ones, too.
pub(crate) fn values_of(bucket: u8) -> RangeInclusive<u64> {
    let bucket = u64::from(bucket);
    floor(bucket)..=floor(bucket.saturating_add(1)).saturating_sub(1)
}

fn floor(bucket: u64) -> u64 {
    let size = 1 << SUB_BUCKET_BITS;
    match (bucket / size).checked_sub(1) {
        Some(doubling) => (size + bucket % size) << doubling,
        None => bucket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        assert_eq!((values_of(0), values_of(8), values_of(16)), (0..=0, 8..=8, 16..=17));
        for bucket in 0..255 {
            let values = values_of(bucket);
            assert_eq!([*values.start(), *values.end()].map(bucket_of), [bucket; 2]);
            assert_eq!(*values_of(bucket + 1).start(), *values.end() + 1);
        }
        assert_eq!((bucket_of(*values_of(255).start()), bucket_of(u64::MAX)), (255, 255));
    }
}
