//! Answers of a collector, and the contexts of traces.

use std::iter;

use bytes::Bytes;

use crate::{
    model::{Timestamp, TraceContext, combine_tracestate},
    policy::{payload, retry_after},
    telemetry::CollectorRemark,
};

/// Characters of a remark that are kept.
const REMARK_CHARS_MAX: usize = 500;

/// Any answer is read, within bounds; contexts of traces are passed on as they were read.
pub fn otlp(input: &[u8]) {
    let remark = CollectorRemark::read(Bytes::copy_from_slice(input));
    assert!(remark.message.chars().count() <= REMARK_CHARS_MAX);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = retry_after::parse(text, Timestamp::of_unix_minutes(28_000_000));
    for bytes in [0, 1, 2, 3, 512] {
        let beginning = payload::beginning(text, bytes);
        assert!(text.starts_with(beginning) && beginning.len() <= bytes);
        assert!(beginning.len() == text.len() || beginning.len() + 4 > bytes);
    }
    if let Some(context) = TraceContext::parse(text) {
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        assert!(context.to_string() == text || !text.starts_with("00-"));
    }
    if let Some(state) = combine_tracestate(text.split('\n')) {
        assert!(state.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert_eq!(combine_tracestate(iter::once(state.as_str())).as_deref(), Some(state.as_str()));
    }
}
