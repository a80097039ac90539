//! Trace context: the trace and span that something happens in (W3C Trace Context).

use std::fmt;

/// The flag of traces that are recorded.
pub const SAMPLED: u8 = 1;

/// Most members of a `tracestate` (section 3.3.1.1), and most characters of a key and of a value in it (3.3.1.3).
const MEMBERS_MAX: usize = 32;
const KEY_CHARS_MAX: usize = 256;
const VALUE_CHARS_MAX: usize = 256;

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

/// A trace as it is passed on: its last span, and what the systems before it say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropagatedTrace {
    /// The last span.
    pub parent: TraceContext,
    /// The `tracestate` beside it.
    pub state: Option<String>,
}

/// The fields of `tracestate` as one, in their order; `None` where they are empty, or cannot be read.
#[must_use]
pub fn combine_tracestate<'a>(fields: impl Iterator<Item = &'a str>) -> Option<String> {
    let members = fields.flat_map(|field| field.split(',')).map(|member| member.trim_matches([' ', '\t']));
    let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
    let is_member = |member: &&str| member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value));
    let is_valid = (1..=MEMBERS_MAX).contains(&members.len()) && members.iter().all(is_member);
    is_valid.then(|| members.join(","))
}

/// True for the name of a system, alone or with that of a tenant before it.
fn is_key(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"_-*/@".contains(&byte);
    (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(fits)
}

fn is_value(value: &str) -> bool {
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    (1..=VALUE_CHARS_MAX).contains(&value.len()) && value.bytes().all(fits)
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

    #[test]
    fn fields_of_a_state_are_one_in_their_order_or_none() {
        let combined = |fields: &[&str]| combine_tracestate(fields.iter().copied());
        assert_eq!(combined(&["a=1 , t@b=x y", "", "0/c=~,"]).as_deref(), Some("a=1,t@b=x y,0/c=~"));
        let most: Vec<_> = (0..MEMBERS_MAX).map(|number| format!("k{number}=v")).collect();
        assert_eq!(combined(&[&most.join(",")]), Some(most.join(",")));
        for unread in ["a", "=1", "a=", "A=1", "a b=1", "a=1=2", "a=\u{e9}", "a=\u{7}"] {
            assert_eq!(combined(&["a=1", unread]), None, "{unread:?}");
        }
        assert_eq!(combined(&[&most.join(","), "one=more"]), None);
        assert_eq!(combined(&[&format!("a={}", "v".repeat(VALUE_CHARS_MAX + 1))]), None);
        assert_eq!((combined(&[]), combined(&["", " , "])), (None, None));
    }
}
