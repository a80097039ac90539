//! Trace context: the trace and span that something happens in (W3C Trace Context).

use std::fmt;

/// The flag of traces that are recorded.
pub const SAMPLED: u8 = 1;

/// A span as others refer to it: what a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never zero.
    pub trace_id: u128,
    /// The span in it; never zero.
    pub span_id: u64,
    /// The trace flags; see [`TraceContext::is_sampled`].
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent`: `version-traceid-parentid-flags`, where later versions may say more after that.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let [version, trace, span, flags] = [2, 32, 16, 2].map(|length| {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            parts.next().filter(|part| part.len() == length && part.bytes().all(is_hex))
        });
        let is_known = match version? {
            "00" => parts.next().is_none(),
            version => version != "ff",
        };
        let trace_id = u128::from_str_radix(trace?, 16).ok()?;
        let span_id = u64::from_str_radix(span?, 16).ok()?;
        let flags = u8::from_str_radix(flags?, 16).ok()?;
        (is_known && trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// True when the caller may have recorded the trace: the `sampled` flag.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The id of the trace, as it is written.
    #[must_use]
    pub fn trace(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn only_a_valid_traceparent_names_a_trace() {
        let sampled = format!("00-{TRACE}-b7ad6b7169203331-01");
        let context = TraceContext::parse(&sampled).unwrap();
        assert_eq!((context.trace().as_str(), context.to_string()), (TRACE, sampled.clone()));
        assert!(!TraceContext::parse(&format!("00-{TRACE}-b7ad6b7169203331-02")).unwrap().is_sampled());
        assert!(TraceContext::parse(&format!("01-{TRACE}-b7ad6b7169203331-01-more")).is_some());
        for text in [
            format!("{sampled}-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            "00-\u{1b}[31m-b7ad6b7169203331-01".to_owned(),
            String::new(),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }
}
