//! Finding secrets in text, all of them in one pass.

use std::{collections::BTreeSet, fmt, ops::Range};

use aho_corasick::{Anchored, Input, automaton::Automaton, nfa::contiguous::NFA};

use super::escapes::{unescaped, written};

/// What finds the secrets of a server.
pub(super) struct Search(NFA);

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

impl Search {
    /// `None` where there are no secrets.
    pub(super) fn of(secrets: &BTreeSet<String>) -> Option<Self> {
        // A DFA is a little faster and takes up to a hundred times the memory.
        // It can only fail beyond 2^31 states, of which each byte of a secret makes one.
        (!secrets.is_empty()).then(|| NFA::new(secrets).ok().map(Self))?
    }

    /// Whether any secret stands in `text` as it is.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.first(text).is_some()
    }

    /// Where secrets stand in `text`, as they are or escaped up to `escapes` times over: in order, and apart.
    pub(super) fn spans(&self, text: &[u8], escapes: u32) -> Vec<Range<usize>> {
        let mut spans = self.literal(text);
        let plain = (escapes > 0).then(|| unescaped(text)).flatten();
        if let Some(plain) = plain {
            let escaped = self.spans(&plain, escapes.saturating_sub(1));
            if !escaped.is_empty() {
                spans.extend(written(text, &escaped));
                spans.sort_unstable_by_key(|span| span.start);
                spans = spans.into_iter().fold(Vec::new(), joined);
            }
        }
        spans
    }

    /// The match that ends first.
    fn first(&self, text: &[u8]) -> Option<Range<usize>> {
        self.0.try_find(&Input::new(text)).ok().flatten().map(|found| found.range())
    }

    /// Where secrets stand as they are. Those that overlap are one span, so that nothing is left of either.
    fn literal(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let Some(first) = self.first(text) else { return spans };
        let Ok(mut state) = self.0.start_state(Anchored::No) else { return spans };
        // A longer match may begin before the one that ends first.
        let from = first.end.saturating_sub(self.0.max_pattern_len());
        for (at, byte) in text.iter().enumerate().skip(from) {
            state = self.0.next_state(Anchored::No, state, *byte);
            if self.0.is_match(state) {
                let end = at.saturating_add(1);
                // The longest of those that end here comes first.
                let length = self.0.pattern_len(self.0.match_pattern(state, 0));
                spans = joined_from_the_end(spans, end.saturating_sub(length)..end);
            }
        }
        spans
    }
}

/// Adds a span that begins no earlier than those before.
fn joined(mut spans: Vec<Range<usize>>, span: Range<usize>) -> Vec<Range<usize>> {
    match spans.last_mut() {
        Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
        Some(_) | None => spans.push(span),
    }
    spans
}

/// Adds a span that ends after those before.
fn joined_from_the_end(mut spans: Vec<Range<usize>>, mut span: Range<usize>) -> Vec<Range<usize>> {
    while let Some(last) = spans.pop_if(|last| last.end >= span.start) {
        span.start = span.start.min(last.start);
    }
    spans.push(span);
    spans
}
