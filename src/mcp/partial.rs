//! Unfinished lines; the memory of all of them together is bounded.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};

/// The longest line that is kept, in bytes.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// How much of a dropped line is kept at either end, to find its id in.
pub(super) const END_BYTES: usize = 512;

/// The most that unfinished lines of one budget take together, in bytes.
const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The memory for large unfinished lines of many framers.
///
/// Where it is used up, a line is dropped: of the framer that lost most lines so far, and among equals the one that has
/// not grown for longest. So whoever holds lines open, or floods, loses before those that only have much to say.
#[derive(Debug, Default)]
pub struct LineBudget(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    by_framer: HashMap<u64, Pieces>,
    bytes: usize,
    /// Counts growth; the order of events is all that matters.
    clock: u64,
}

/// The unfinished line of one framer.
#[derive(Debug, Default)]
struct Pieces {
    pieces: Vec<Bytes>,
    bytes: usize,
    last_growth: u64,
    /// Lines dropped so far.
    losses: u64,
    /// The first bytes of a line that was dropped, until its framer asks.
    dropped: Option<Bytes>,
}

/// A framer's share of a budget.
#[derive(Debug, Default)]
pub(super) struct PartialLine {
    budget: Arc<LineBudget>,
    id: Option<u64>,
    /// Whether there are bytes of the line that is being read.
    begun: bool,
}

impl PartialLine {
    pub fn sharing(budget: &Arc<LineBudget>) -> Self {
        Self { budget: budget.clone(), ..Self::default() }
    }

    /// Adds bytes to the line; its first bytes where it was dropped.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Bytes> {
        let pushed = self.budget.lock().push(&mut self.id, Bytes::copy_from_slice(piece));
        self.begun = pushed.is_ok();
        pushed
    }

    /// The whole line with these last bytes; `Err` has its first bytes where it was dropped, and its last.
    pub fn finish(&mut self, end: BytesMut) -> Result<BytesMut, (Bytes, BytesMut)> {
        if !std::mem::take(&mut self.begun) {
            return Ok(end);
        }
        let taken = self.budget.lock().take(self.id);
        let pieces = match taken {
            Ok(pieces) => pieces,
            Err(head) => return Err((head, end)),
        };
        let bytes = pieces.iter().map(Bytes::len).sum::<usize>();
        let mut line = BytesMut::with_capacity(bytes.saturating_add(end.len()));
        pieces.into_iter().for_each(|piece| line.extend_from_slice(&piece));
        line.extend_from_slice(&end);
        Ok(line)
    }
}

impl Drop for PartialLine {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.budget.lock().remove(id);
        }
    }
}

impl LineBudget {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, id: &mut Option<u64>, piece: Bytes) -> Result<(), Bytes> {
        self.clock += 1;
        let id = *id.get_or_insert(self.clock);
        let line = self.by_framer.entry(id).or_default();
        if let Some(head) = line.dropped.take() {
            return Err(head);
        }
        line.last_growth = self.clock;
        line.bytes += piece.len();
        self.bytes += piece.len();
        line.pieces.push(piece);
        if line.bytes > MAX_LINE {
            self.bytes = self.bytes.saturating_sub(line.lose());
        }
        while self.bytes > BUDGET_BYTES {
            let held = self.by_framer.values_mut().filter(|line| line.bytes > 0);
            let Some(victim) = held.max_by_key(|line| (line.losses, Reverse(line.last_growth))) else { break };
            self.bytes = self.bytes.saturating_sub(victim.lose());
        }
        self.by_framer.get_mut(&id).and_then(|line| line.dropped.take()).map_or(Ok(()), Err)
    }

    fn take(&mut self, id: Option<u64>) -> Result<Vec<Bytes>, Bytes> {
        let Some(line) = id.and_then(|id| self.by_framer.get_mut(&id)) else { return Ok(Vec::new()) };
        if let Some(head) = line.dropped.take() {
            return Err(head);
        }
        self.bytes = self.bytes.saturating_sub(std::mem::take(&mut line.bytes));
        Ok(std::mem::take(&mut line.pieces))
    }

    fn remove(&mut self, id: u64) {
        let bytes = self.by_framer.remove(&id).map_or(0, |line| line.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Pieces {
    /// Drops the line but for its head; how many bytes that gives back.
    fn lose(&mut self) -> usize {
        let pieces = std::mem::take(&mut self.pieces);
        let head = pieces.first().map(|first| first.get(..END_BYTES).unwrap_or(first));
        self.dropped = Some(Bytes::copy_from_slice(head.unwrap_or_default()));
        self.losses += 1;
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::{Frame, Framer};

    const MIB: usize = 1 << 20;

    fn feed(framer: &mut Framer, mebibytes: usize) -> Option<Frame> {
        let piece = vec![b'x'; MIB];
        (0..mebibytes).find_map(|_| feed_bytes(framer, &piece))
    }

    fn feed_bytes(framer: &mut Framer, bytes: &[u8]) -> Option<Frame> {
        framer.buffer.extend_from_slice(bytes);
        framer.next_frame()
    }

    fn crowd(budget: &Arc<LineBudget>, count: usize) -> Vec<Framer> {
        (0..count).map(|_| Framer::sharing(budget)).collect()
    }

    fn is_whole(frame: Option<Frame>, mebibytes: usize) -> bool {
        matches!(frame, Some(Frame::Line(line)) if line.len() == mebibytes * MIB)
    }

    #[test]
    fn whoever_stalls_loses_its_line_to_whoever_goes_on() {
        let budget = Arc::default();
        let mut stalled = crowd(&budget, 8);
        for framer in &mut stalled {
            assert_eq!(feed(framer, 15), None);
            assert!(budget.lock().bytes <= BUDGET_BYTES);
        }
        let mut honest = Framer::sharing(&budget);
        assert_eq!(feed(&mut honest, 15), None);
        assert!(is_whole(feed_bytes(&mut honest, b"\n"), 15));
        let lost = stalled.iter_mut().map(|framer| feed_bytes(framer, b"end\n"));
        let lost: Vec<_> = lost.filter(|frame| matches!(frame, Some(Frame::Oversized { .. }))).collect();
        assert_eq!(lost.len(), 5);
        let Some(Frame::Oversized { head, tail }) = &lost[0] else { panic!("{lost:?}") };
        assert!(head.len() == END_BYTES && tail.len() == END_BYTES && tail.ends_with(b"xend"));
        // The line after a lost one is whole.
        assert!(matches!(feed_bytes(&mut stalled[0], b"{}\n"), Some(Frame::Line(line)) if line == "{}"));
        assert_eq!(budget.lock().bytes, 0);
    }

    #[test]
    fn whoever_floods_loses_its_lines_and_not_a_slow_line_beside() {
        let budget = Arc::default();
        let mut flooding = crowd(&budget, 8);
        let mut slow = Framer::sharing(&budget);
        // A first flood costs each of them a line.
        for framer in &mut flooding {
            feed(framer, 17);
            feed_bytes(framer, b"\n");
        }
        assert_eq!(feed(&mut slow, 1), None);
        for framer in &mut flooding {
            feed(framer, 9);
        }
        assert!(is_whole(feed_bytes(&mut slow, b"\n"), 1));
    }

    #[test]
    fn small_lines_take_nothing_and_an_ended_framer_gives_everything_back() {
        let budget = Arc::default();
        let mut framers = crowd(&budget, 3);
        assert_eq!(feed_bytes(&mut framers[0], &[b'x'; 64 * 1024]), None);
        assert!(budget.lock().by_framer.is_empty());
        framers.iter_mut().for_each(|framer| assert_eq!(feed(framer, 9), None));
        assert!(budget.lock().bytes > 26 * MIB);
        drop(framers);
        assert!(budget.lock().by_framer.is_empty() && budget.lock().bytes == 0);
    }
}
