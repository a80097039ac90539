//! Names made up for a request: its id, its trace, and what we call ourselves in `Via`.

use std::{cell::Cell, fmt::Write, sync::LazyLock};

use bytes::BytesMut;
use uuid::{Uuid, fmt::Hyphenated};

use crate::{http1::Fields, web::trace};

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// Our name in `Via`: another one in every process, so that a request is known to come round again only where it does.
pub(super) static PSEUDONYM: LazyLock<String> = LazyLock::new(|| format!("ostler-{:08x}", seed() >> 32));

/// The next number of this thread's sequence (SplitMix64). Unlikely to repeat, easy to foretell: for names, not for
/// secrets.
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

/// The id of a request, in every log and answer.
#[derive(Clone, Debug)]
pub(super) enum RequestId {
    /// By its caller.
    Given(String),
    /// By us.
    Made([u8; Hyphenated::LENGTH]),
}

impl RequestId {
    /// The caller's id for the request where it is a sane one, else a new one.
    pub(super) fn of(fields: &Fields) -> Self {
        let given = fields.get("x-request-id").and_then(|value| std::str::from_utf8(value).ok());
        match given.filter(|text| trace::is_sane_id(text)) {
            Some(given) => Self::Given(given.to_owned()),
            None => Self::make(),
        }
    }

    fn make() -> Self {
        let (high, low) = (u128::from(next()), u128::from(next()));
        let name = uuid::Builder::from_random_bytes(((high << 64) | low).to_be_bytes()).into_uuid();
        let mut text = [0; Hyphenated::LENGTH];
        name.hyphenated().encode_lower(&mut text);
        Self::Made(text)
    }

    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Made(text) => std::str::from_utf8(text).unwrap_or_default(),
        }
    }
}

/// Writes a `traceparent` that begins an unsampled trace (W3C Trace Context).
pub(super) fn write_traceparent(out: &mut BytesMut) {
    // None of the parts may be zero; writing to memory does not fail.
    let _ = write!(out, "00-{:016x}{:016x}-{:016x}-00", next(), next() | 1, next() | 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TraceContext;

    #[test]
    fn names_do_not_repeat_and_have_their_form() {
        let names: std::collections::HashSet<_> = (0..10_000).map(|_| RequestId::make().as_str().to_owned()).collect();
        assert_eq!(names.len(), 10_000);
        assert_eq!(Uuid::try_parse(names.iter().next().unwrap()).unwrap().get_version_num(), 4);
        let mut trace = BytesMut::new();
        write_traceparent(&mut trace);
        assert!(TraceContext::parse(std::str::from_utf8(&trace).unwrap()).is_some(), "{trace:?}");
        assert!(PSEUDONYM.starts_with("ostler-") && PSEUDONYM.len() == 15);
    }
}
