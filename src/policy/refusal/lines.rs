//! Lines that a server wrote, and the signs in them.

use crate::model::{Grant, Refusal};

/// A refusal with the words for it.
pub(super) fn refusal(reason: impl Into<String>, grant: Option<Grant>) -> Refusal {
    Refusal { reason: reason.into(), grant }
}

/// The newest line with one of the signs: the last failure is the one that a server ended by.
pub(super) fn newest<'a>(lines: &'a [String], signs: &[&str]) -> Option<&'a str> {
    lines.iter().rev().map(String::as_str).find(|line| has(line, signs))
}

/// True for a line with one of the signs.
pub(super) fn has(line: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| line.contains(sign))
}
