//! [`Fields`]: the header fields of one head, as ranges of its bytes, in the order they came.

use bytes::Bytes;
use memchr::memchr_iter;

use super::HeadFault;

/// A range of the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadRange {
    start: usize,
    end: usize,
}

impl HeadRange {
    /// Range of `part`, which was cut from `head`, in it.
    pub(super) fn of(part: &[u8], head: &[u8]) -> Self {
        let start = part.as_ptr().addr().saturating_sub(head.as_ptr().addr());
        Self { start, end: start + part.len() }
    }

    /// This range of `head`, in memory shared with it.
    pub(super) fn share(self, head: &Bytes) -> Bytes {
        // Out of range where the span is of another head, which there is none of.
        if self.end <= head.len() { head.slice(self.start..self.end) } else { Bytes::new() }
    }
}

/// One field: its name and its value.
#[derive(Clone, Copy, Debug)]
struct FieldRange {
    name: HeadRange,
    value: HeadRange,
}

/// Header fields in the order they came; repeated names stay repeated. Names are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    head: Bytes,
    entries: Vec<FieldRange>,
}

impl Fields {
    /// Notes where the fields that were parsed from `head` are; to be completed by [`Fields::of`].
    pub(super) fn locate(parsed: &[httparse::Header<'_>], head: &[u8]) -> Self {
        let locate = |field: &httparse::Header<'_>| FieldRange {
            name: HeadRange::of(field.name.as_bytes(), head),
            value: HeadRange::of(field.value, head),
        };
        Self { head: Bytes::new(), entries: parsed.iter().map(locate).collect() }
    }

    /// The located fields, with the head they are in.
    pub(super) fn of(self, head: Bytes) -> Self {
        Self { head, ..self }
    }

    /// Each name and value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|entry| (self.text(entry.name), self.text(entry.value)))
    }

    /// Each name and value, in memory shared with the head.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (&[u8], Bytes)> {
        self.entries.iter().map(|entry| (self.text(entry.name), entry.value.share(&self.head)))
    }

    /// The first value of `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Every value of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Lets the field `name` have `value`, a part of the same head.
    pub(super) fn replace(&mut self, name: &str, value: HeadRange) {
        let Self { head, entries } = self;
        let named = |entry: &&mut FieldRange| {
            head.get(entry.name.start..entry.name.end).is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes()))
        };
        entries.iter_mut().filter(named).for_each(|entry| entry.value = value);
    }

    fn text(&self, span: HeadRange) -> &[u8] {
        self.head.get(span.start..span.end).unwrap_or_default()
    }
}

/// The items of a comma-separated list, without the white space around them.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Refuses a head with a line that ends with LF alone: some readers take it for an end, others do not.
pub(super) fn refuse_bare_line_feeds(head: &[u8]) -> Result<(), HeadFault> {
    let follows_return = |at: usize| at.checked_sub(1).and_then(|before| head.get(before)) == Some(&b'\r');
    if memchr_iter(b'\n', head).all(follows_return) {
        Ok(())
    } else {
        Err(HeadFault::Malformed("a line of the head ends with LF alone"))
    }
}
