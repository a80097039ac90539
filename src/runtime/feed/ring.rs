//! The newest events with their numbers: calls apart from the rest, so that many calls push nothing else out.

use std::{collections::VecDeque, sync::Arc};

use super::{LiveEvent, Scope};

/// Events kept on each track; two tracks make 1024.
const MOST: usize = 512;

/// Bytes kept on each track, about; two make a mebibyte.
const CAPACITY: usize = 512 << 10;

/// An event, its number, and whom it concerns.
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) scope: Scope,
    pub(super) event: LiveEvent,
}

/// What came after some number.
pub(super) struct Batch {
    /// What is left of it, in order.
    pub(super) entries: Vec<Arc<Entry>>,
    /// How many are not left.
    pub(super) missed: u64,
    /// The newest number.
    pub(super) last: u64,
}

/// Both tracks.
#[derive(Default)]
pub(super) struct Ring {
    last: u64,
    calls: Track,
    others: Track,
}

#[derive(Default)]
struct Track {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Ring {
    /// Takes an event in and answers its number.
    pub(super) fn push(&mut self, scope: Scope, event: LiveEvent) -> u64 {
        self.last = self.last.saturating_add(1);
        let track = if event.is_of_calls() { &mut self.calls } else { &mut self.others };
        track.push(Entry { seq: self.last, scope, event });
        self.last
    }

    pub(super) fn after(&self, seq: u64) -> Batch {
        let mut entries = Vec::new();
        for track in [&self.calls, &self.others] {
            let from = track.entries.partition_point(|entry| entry.seq <= seq);
            entries.extend(track.entries.iter().skip(from).cloned());
        }
        entries.sort_unstable_by_key(|entry| entry.seq);
        let kept = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        Batch { missed: self.last.saturating_sub(seq).saturating_sub(kept), entries, last: self.last }
    }
}

impl Track {
    fn push(&mut self, entry: Entry) {
        self.bytes = self.bytes.saturating_add(entry.event.weight());
        self.entries.push_back(Arc::new(entry));
        while self.bytes > CAPACITY || self.entries.len() > MOST {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.event.weight());
        }
    }
}
