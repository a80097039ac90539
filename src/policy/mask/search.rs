//! Finding secrets in text, all of them in one pass.
//!
//! The text is searched as it is; then, only if it has a backslash, as the strings of the JSON mean, and those read
//! once more. Places are carried back to the bytes as written, so all others stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
};

use aho_corasick::{Anchored, Input, Span, automaton::Automaton, nfa::contiguous::NFA, packed};
use memchr::{memchr, memmem};

use super::escapes::{self, unescaped, written};

/// Levels of JSON inside strings of other JSON that are searched.
pub(super) const NESTED_ESCAPES_MAX: u32 = 4;

/// Bytes of a longer secret that the automaton knows, enough to tell it from all other text: each takes it 24 bytes.
const BEGINNING_MAX: usize = 256;

/// The search for the secrets of a server.
pub(super) struct Search {
    /// Knows the beginning of each secret.
    automaton: NFA,
    /// By beginning, as the automaton numbers them: the rest of each secret that is longer.
    rests: Vec<Vec<Box<[u8]>>>,
    /// Finds the first of the same beginnings many bytes at a time; `None` where they are too many for that.
    fast: Option<packed::Searcher>,
    /// The escapes that may stand for a character of a secret.
    escapes: Vec<[u8; 2]>,
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

impl Search {
    /// `None` where there are no secrets.
    pub(super) fn of(secrets: &BTreeSet<String>) -> Option<Self> {
        let mut beginnings: BTreeMap<&[u8], Vec<Box<[u8]>>> = BTreeMap::new();
        for secret in secrets.iter().map(String::as_bytes).filter(|secret| !secret.is_empty()) {
            let (beginning, rest) = secret.split_at(secret.len().min(BEGINNING_MAX));
            beginnings.entry(beginning).or_default().push(rest.into());
        }
        if beginnings.is_empty() {
            return None;
        }
        Some(Self {
            // A DFA is a little faster, and takes many times the memory. This cannot fail below 2^31 bytes of secrets.
            automaton: NFA::new(beginnings.keys()).ok()?,
            fast: packed::Config::new().builder().extend(beginnings.keys()).build(),
            rests: beginnings.into_values().collect(),
            escapes: escapes::possible_in(secrets),
        })
    }

    /// True when any secret is in `text` literally.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        match &self.fast {
            Some(fast) => fast.find(text).is_some(),
            None => self.automaton.try_find(&Input::new(text)).ok().flatten().is_some(),
        }
    }

    /// True when `text` has escapes that may stand for a part of a secret.
    pub(super) fn may_be_escaped_in(&self, text: &[u8]) -> bool {
        memchr(b'\\', text).is_some() && self.escapes.iter().any(|escape| memmem::find(text, escape).is_some())
    }

    /// Spans of secrets in `text`, literal or escaped up to `levels` times over: in order, not overlapping.
    pub(super) fn spans(&self, text: &[u8], levels: u32) -> Vec<Range<usize>> {
        let mut spans = self.literal(text);
        let plain = (levels > 0 && self.may_be_escaped_in(text)).then(|| unescaped(text)).flatten();
        let escaped = plain.map(|plain| self.spans(&plain, levels.saturating_sub(1))).unwrap_or_default();
        if !escaped.is_empty() {
            spans.extend(written(text, &escaped));
            spans.sort_unstable_by_key(|span| span.start);
            spans = spans.into_iter().fold(Vec::new(), joined);
        }
        spans
    }

    /// Spans of literal secrets. Those that overlap are one span, so that nothing is left of either.
    fn literal(&self, text: &[u8]) -> Vec<Range<usize>> {
        let (mut spans, mut at) = (Vec::new(), 0_usize);
        if !self.is_in(text) {
            return spans;
        }
        let Ok(mut state) = self.automaton.start_state(Anchored::No) else { return spans };
        loop {
            if self.automaton.is_start(state) {
                match self.skipped(text, at) {
                    Some(next) => at = next,
                    None => return spans,
                }
            }
            let Some(byte) = text.get(at) else { return spans };
            state = self.automaton.next_state(Anchored::No, state, *byte);
            at = at.saturating_add(1);
            if self.automaton.is_match(state) {
                // The longest of those that end here comes first.
                let beginning = self.automaton.match_pattern(state, 0);
                let start = at.saturating_sub(self.automaton.pattern_len(beginning));
                let rests = self.rests.get(beginning.as_usize()).map(Vec::as_slice).unwrap_or_default();
                add_match(&mut spans, text, start..at, rests);
            }
        }
    }

    /// Position of the next secret, or of what may be one.
    fn skipped(&self, text: &[u8], from: usize) -> Option<usize> {
        match &self.fast {
            Some(fast) => fast.find_in(text, Span { start: from, end: text.len() }).map(|found| found.start()),
            None => Some(from),
        }
    }
}

/// Adds the beginning of a secret, which ends after those found before, and what follows it of `rests`.
fn add_match(spans: &mut Vec<Range<usize>>, text: &[u8], found: Range<usize>, rests: &[Box<[u8]>]) {
    let mut span = found.clone();
    while let Some(last) = spans.pop_if(|last| last.end >= span.start) {
        span = span.start.min(last.start)..span.end.max(last.end);
    }
    // Bytes hidden already need not be compared, or text of one letter would take quadratic time.
    let hidden = span.end.saturating_sub(found.end);
    let after = text.get(span.end..).unwrap_or_default();
    let more = |rest: &[u8]| rest.iter().skip(hidden).zip(after).take_while(|(one, other)| one == other).count();
    let longest = rests.iter().map(|rest| more(rest)).max().unwrap_or(0);
    span.end = span.end.saturating_add(longest);
    spans.push(span);
}

/// Adds a span that begins no earlier than those before.
fn joined(mut spans: Vec<Range<usize>>, span: Range<usize>) -> Vec<Range<usize>> {
    match spans.last_mut() {
        Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
        Some(_) | None => spans.push(span),
    }
    spans
}
