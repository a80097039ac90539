//! Secrets in JSON: strings by what they mean, numbers by how they are written, and nothing else.

use std::ops::Range;

use memchr::memchr;

use super::{
    escapes,
    replacement::{MASKED, replaced},
    search::{NESTED_ESCAPES_MAX, Search},
};
use crate::policy::nesting;

/// Text in place of a number that holds a secret: a string, so that it stays JSON.
const MASKED_NUMBER: &str = "\"***\"";

/// `json`, which is valid, with each secret replaced; `None` where it holds none.
pub(super) fn masked(search: &Search, json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let is_literal = search.is_in(bytes);
    // A secret that is not in the text literally can only be there escaped.
    if !is_literal && !search.may_be_escaped_in(bytes) {
        return None;
    }
    let mut places = Vec::new();
    let (mut from, mut rest) = (0_usize, bytes);
    while let Some(quote) = memchr(b'"', rest) {
        let (between, after) = rest.split_at(quote);
        if is_literal {
            places.extend(numbers(search, between, from));
        }
        let string = after.get(1..).map(nesting::string).unwrap_or_default();
        from = from.saturating_add(quote).saturating_add(1);
        if is_literal || search.may_be_escaped_in(string) {
            let spans = in_string(search, string);
            places.extend(spans.into_iter().map(|span| (moved(&span, from), MASKED)));
        }
        from = from.saturating_add(string.len()).saturating_add(1);
        rest = bytes.get(from..).unwrap_or_default();
    }
    if is_literal {
        places.extend(numbers(search, rest, from));
    }
    (!places.is_empty()).then(|| replaced(json, places.into_iter()))
}

/// Spans of `string` that hold secrets once unescaped; the unescaped text may be JSON again.
fn in_string(search: &Search, string: &[u8]) -> Vec<Range<usize>> {
    match escapes::unescaped(string) {
        None => search.spans(string, 0),
        Some(plain) => escapes::written(string, &search.spans(&plain, NESTED_ESCAPES_MAX)),
    }
}

/// The numbers that hold a secret, in what stands between two strings at `start`.
fn numbers(search: &Search, between: &[u8], start: usize) -> Vec<(Range<usize>, &'static str)> {
    if !search.is_in(between) {
        return Vec::new();
    }
    let is_number = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let mut found = Vec::new();
    let mut from = start;
    for token in between.chunk_by(|one, next| is_number(one) == is_number(next)) {
        let token_end = from.saturating_add(token.len());
        if token.first().is_some_and(is_number) && search.is_in(token) {
            found.push((from..token_end, MASKED_NUMBER));
        }
        from = token_end;
    }
    found
}

fn moved(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start.saturating_add(by)..span.end.saturating_add(by)
}
