//! [`EventRing`]: the newest events by number; calls apart from the rest, so that many calls push nothing else out.

use std::{collections::VecDeque, sync::Arc};

use crate::events::{audience::Audience, event::LiveEvent};

/// Events on each track; two tracks make 1024.
const TRACK_EVENTS_MAX: usize = 512;

/// Bytes on each track, about; two make a mebibyte.
const TRACK_BYTES_MAX: usize = 512 << 10;

/// An event, its number, and its audience.
pub(super) struct RingEntry {
    pub seq: u64,
    pub audience: Audience,
    pub event: LiveEvent,
}

/// The events after some number.
pub(super) struct EventBatch {
    /// Those in the ring yet, in order.
    pub entries: Vec<Arc<RingEntry>>,
    /// Number of those that are not.
    pub missed: u64,
    /// The newest number.
    pub last: u64,
}

/// Both tracks.
#[derive(Default)]
pub(super) struct EventRing {
    last: u64,
    calls: Track,
    others: Track,
}

#[derive(Default)]
struct Track {
    entries: VecDeque<Arc<RingEntry>>,
    bytes: usize,
}

impl EventRing {
    /// Adds an event and returns its number.
    pub(super) fn push(&mut self, audience: Audience, event: LiveEvent) -> u64 {
        self.last = self.last.saturating_add(1);
        let track = if event.is_of_calls() { &mut self.calls } else { &mut self.others };
        track.push(RingEntry { seq: self.last, audience, event });
        self.last
    }

    /// The events after number `seq`.
    pub(super) fn after(&self, seq: u64) -> EventBatch {
        let mut entries = Vec::new();
        for track in [&self.calls, &self.others] {
            let from = track.entries.partition_point(|entry| entry.seq <= seq);
            entries.extend(track.entries.iter().skip(from).cloned());
        }
        entries.sort_unstable_by_key(|entry| entry.seq);
        let present = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        EventBatch { missed: self.last.saturating_sub(seq).saturating_sub(present), entries, last: self.last }
    }
}

impl Track {
    fn push(&mut self, entry: RingEntry) {
        self.bytes = self.bytes.saturating_add(entry.event.weight());
        self.entries.push_back(Arc::new(entry));
        while self.bytes > TRACK_BYTES_MAX || self.entries.len() > TRACK_EVENTS_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.event.weight());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerId;

    #[test]
    fn many_calls_push_nothing_else_out() {
        let mut ring = EventRing::default();
        let server_id = ServerId::new();
        ring.push(Audience::Gateway, LiveEvent::Restart { server_id, attempt: 1 });
        for _ in 0..5000 {
            ring.push(Audience::Gateway, LiveEvent::call(server_id, true));
        }
        let batch = ring.after(0);
        assert!(matches!(batch.entries.first().unwrap().event, LiveEvent::Restart { attempt: 1, .. }));
        assert_eq!(batch.last, 5001);
        assert_eq!(batch.missed + u64::try_from(batch.entries.len()).unwrap(), 5001);
        assert!(batch.entries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        assert_eq!(ring.after(5001).missed, 0);
    }

    #[test]
    fn memory_of_events_is_bounded() {
        let (mut ring, reason) = (EventRing::default(), "x".repeat(100_000));
        for _ in 0..100 {
            ring.push(Audience::Gateway, LiveEvent::GaveUp { server_id: ServerId::new(), reason: reason.clone() });
        }
        assert!((1..=5).contains(&ring.after(0).entries.len()));
    }
}
