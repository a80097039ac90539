//! Names made up for a request: its id, its trace, and what we call ourselves in `Via`.

use std::{cell::Cell, sync::LazyLock};

use uuid::Uuid;

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// Our name in `Via`: another one in every process, so that a request is known to come round again only where it does.
pub(super) static PSEUDONYM: LazyLock<String> = LazyLock::new(|| format!("ostler-{:08x}", seed() >> 32));

/// The next number of this thread's sequence (SplitMix64). Unlikely to repeat, easy to foretell: for names, not for secrets.
fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().1 ^ Uuid::new_v4().as_u64_pair().0.rotate_left(32)
}

/// A new name for a request.
pub(super) fn request() -> Uuid {
    let (high, low) = (u128::from(next()), u128::from(next()));
    uuid::Builder::from_random_bytes(((high << 64) | low).to_be_bytes()).into_uuid()
}

/// A `traceparent` that begins a trace nobody samples (W3C Trace Context).
pub(super) fn traceparent() -> String {
    // None of the parts may be zero.
    format!("00-{:016x}{:016x}-{:016x}-00", next(), next() | 1, next() | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_repeat_and_have_their_form() {
        let names: std::collections::HashSet<_> = (0..10_000).map(|_| request()).collect();
        assert_eq!(names.len(), 10_000);
        assert_eq!(names.iter().next().unwrap().get_version_num(), 4);
        let trace = traceparent();
        let lengths: Vec<_> = trace.split('-').map(str::len).collect();
        assert_eq!(lengths, [2, 32, 16, 2], "{trace}");
        assert_ne!(traceparent(), trace);
        assert!(PSEUDONYM.starts_with("ostler-") && PSEUDONYM.len() == 15);
    }
}
