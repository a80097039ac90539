//! Unfinished messages; the memory of all of them together is bounded.
//!
//! Beyond 64 KiB, an unfinished line lies in pieces in the budget. If room is short, a new piece takes another server's
//! line away at once: no one waits for memory.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// The longest line that is kept, in bytes.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// Bytes of a dropped line kept at either end, to find its id in.
const END_BYTES: usize = 512;

/// The longest part of a [`PartialMessage`] that takes nothing of the budget, in bytes.
// Less than of a line of a process, which has one at a time: a server over HTTP may have begun hundreds of answers, and
// clients thousands of requests.
const SMALL_PART: usize = 16 * 1024;

/// The most that unfinished lines of one budget take together, in bytes.
const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The memory for large unfinished lines of many senders.
///
/// Once it is used up, a line is dropped: of the sender that lost most lines so far, and among equals the one that has
/// not grown for longest. So a sender that holds lines open, or floods, loses before those that only have much to say.
#[derive(Debug, Default)]
pub struct LineBudget(Mutex<Lines>);

/// A sender's share of a budget; clones are shares of the same one.
#[derive(Clone, Debug, Default)]
pub struct LineShare {
    budget: Arc<LineBudget>,
    /// Lines dropped so far.
    losses: Arc<AtomicU64>,
}

/// A line that was dropped: it was over the cap, or the budget had no room for it.
#[derive(Debug, PartialEq, Eq)]
pub struct DroppedLine {
    /// Its first bytes.
    pub head: Bytes,
    /// Its last bytes.
    pub tail: Bytes,
}

#[derive(Debug, Default)]
struct Lines {
    by_id: HashMap<u64, Pieces>,
    bytes: usize,
    /// Counts growth; the order of events is all that matters.
    clock: u64,
}

/// The pieces of one unfinished line.
#[derive(Debug, Default)]
struct Pieces {
    pieces: Vec<Bytes>,
    bytes: usize,
    last_growth: u64,
    /// Those of its sender.
    losses: Arc<AtomicU64>,
    /// The first bytes of a line that was dropped, until its reader asks.
    dropped: Option<Bytes>,
}

/// The unfinished line of a reader that keeps only its last bytes; one after the other.
#[derive(Debug, Default)]
pub(super) struct PartialLine {
    share: LineShare,
    id: Option<u64>,
    /// True when bytes of the line being read have been set aside.
    begun: bool,
    /// The head of the dropped line that is being skipped.
    skipping: Option<Bytes>,
}

/// A message that comes in pieces.
#[derive(Debug, Default)]
pub struct PartialMessage {
    before: PartialLine,
    end: BytesMut,
}

impl LineShare {
    /// A new sender's share.
    #[must_use]
    pub fn of(budget: &Arc<LineBudget>) -> Self {
        Self { budget: budget.clone(), ..Self::default() }
    }
}

impl PartialMessage {
    /// A message that competes for room with the others of the budget.
    #[must_use]
    pub fn sharing(share: &LineShare) -> Self {
        Self { before: PartialLine::sharing(share), end: BytesMut::new() }
    }

    /// Adds bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.end.extend_from_slice(bytes);
        self.before.set_aside(&mut self.end, SMALL_PART);
    }

    /// True when it is known to be dropped, so that nothing more needs to be read of it.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.before.skipping.is_some()
    }

    /// The whole message; what is added next belongs to another one.
    pub fn finish(&mut self) -> Result<BytesMut, DroppedLine> {
        self.before.finish(std::mem::take(&mut self.end))
    }
}

impl PartialLine {
    pub(super) fn sharing(share: &LineShare) -> Self {
        Self { share: share.clone(), id: None, begun: false, skipping: None }
    }

    /// Leaves only the last bytes of a line over `most` in `buffer`, and none of the others where it is skipped.
    pub(super) fn set_aside(&mut self, buffer: &mut BytesMut, most: usize) {
        let most = if self.skipping.is_some() { 2 * END_BYTES } else { most };
        if buffer.len() <= most {
            return;
        }
        let end = last(buffer);
        let piece = std::mem::replace(buffer, end);
        if self.skipping.is_none() {
            let before = piece.get(..piece.len().saturating_sub(END_BYTES)).unwrap_or_default();
            let mut lines = self.share.budget.0.lock();
            self.skipping = lines.push(&mut self.id, &self.share.losses, Bytes::copy_from_slice(before)).err();
            self.begun = self.skipping.is_none();
        }
    }

    /// The whole line with these last bytes.
    pub(super) fn finish(&mut self, end: BytesMut) -> Result<BytesMut, DroppedLine> {
        let dropped = |head| DroppedLine { head, tail: last(&end).freeze() };
        if let Some(head) = self.skipping.take() {
            return Err(dropped(head));
        }
        if !std::mem::take(&mut self.begun) {
            return Ok(end);
        }
        let pieces = self.share.budget.0.lock().take(self.id).map_err(dropped)?;
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
            self.share.budget.0.lock().remove(id);
        }
    }
}

impl LineBudget {}

impl Lines {
    /// Adds bytes to a line; `Err` has its first bytes where it was dropped.
    fn push(&mut self, id: &mut Option<u64>, losses: &Arc<AtomicU64>, piece: Bytes) -> Result<(), Bytes> {
        self.clock += 1;
        let id = *id.get_or_insert(self.clock);
        let new = || Pieces { losses: losses.clone(), ..Pieces::default() };
        let line = self.by_id.entry(id).or_insert_with(new);
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
            let held = self.by_id.values_mut().filter(|line| line.bytes > 0);
            let loss = |line: &&mut Pieces| (line.losses.load(Ordering::Relaxed), Reverse(line.last_growth));
            let Some(victim) = held.max_by_key(loss) else { break };
            self.bytes = self.bytes.saturating_sub(victim.lose());
        }
        self.by_id.get_mut(&id).and_then(|line| line.dropped.take()).map_or(Ok(()), Err)
    }

    fn take(&mut self, id: Option<u64>) -> Result<Vec<Bytes>, Bytes> {
        let Some(line) = id.and_then(|id| self.by_id.get_mut(&id)) else { return Ok(Vec::new()) };
        if let Some(head) = line.dropped.take() {
            return Err(head);
        }
        self.bytes = self.bytes.saturating_sub(std::mem::take(&mut line.bytes));
        Ok(std::mem::take(&mut line.pieces))
    }

    fn remove(&mut self, id: u64) {
        let bytes = self.by_id.remove(&id).map_or(0, |line| line.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Pieces {
    /// Drops the line but for its head; how many bytes that gives back.
    fn lose(&mut self) -> usize {
        let pieces = std::mem::take(&mut self.pieces);
        let head = pieces.first().map(|first| first.get(..END_BYTES).unwrap_or(first));
        self.dropped = Some(Bytes::copy_from_slice(head.unwrap_or_default()));
        self.losses.fetch_add(1, Ordering::Relaxed);
        std::mem::take(&mut self.bytes)
    }
}

fn last(bytes: &[u8]) -> BytesMut {
    BytesMut::from(bytes.get(bytes.len().saturating_sub(END_BYTES)..).unwrap_or_default())
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

    fn is_complete(frame: Option<Frame>, mebibytes: usize) -> bool {
        matches!(frame, Some(Frame::Line(line)) if line.len() == mebibytes * MIB)
    }

    #[test]
    fn a_stalled_line_is_dropped_for_one_that_goes_on() {
        let budget = Arc::default();
        let mut stalled = crowd(&budget, 8);
        for framer in &mut stalled {
            assert_eq!(feed(framer, 15), None);
            assert!(budget.0.lock().bytes <= BUDGET_BYTES);
        }
        let mut honest = Framer::sharing(&budget);
        assert_eq!(feed(&mut honest, 15), None);
        assert!(is_complete(feed_bytes(&mut honest, b"\n"), 15));
        let lost = stalled.iter_mut().map(|framer| feed_bytes(framer, b"end\n"));
        let lost: Vec<_> = lost.filter(|frame| matches!(frame, Some(Frame::Oversized { .. }))).collect();
        assert_eq!(lost.len(), 5);
        let Some(Frame::Oversized { head, tail }) = &lost[0] else { panic!("{lost:?}") };
        assert!(head.len() == END_BYTES && tail.len() == END_BYTES && tail.ends_with(b"xend"));
        // The line after a lost one is whole.
        assert!(matches!(feed_bytes(&mut stalled[0], b"{}\n"), Some(Frame::Line(line)) if line == "{}"));
        assert_eq!(budget.0.lock().bytes, 0);
    }

    #[test]
    fn a_flood_loses_its_lines_and_a_slow_line_stays() {
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
        assert!(is_complete(feed_bytes(&mut slow, b"\n"), 1));
    }

    #[test]
    fn small_lines_take_nothing_and_an_ended_framer_gives_everything_back() {
        let budget = Arc::default();
        let mut framers = crowd(&budget, 3);
        assert_eq!(feed_bytes(&mut framers[0], &[b'x'; 64 * 1024]), None);
        assert!(budget.0.lock().by_id.is_empty());
        framers.iter_mut().for_each(|framer| assert_eq!(feed(framer, 9), None));
        assert!(budget.0.lock().bytes > 26 * MIB);
        drop(framers);
        assert!(budget.0.lock().by_id.is_empty() && budget.0.lock().bytes == 0);
    }

    #[test]
    fn losses_of_one_message_count_for_all_of_the_same_sender() {
        let budget = Arc::default();
        let (flooding, honest) = (LineShare::of(&budget), LineShare::of(&budget));
        let fill = |message: &mut PartialMessage, mebibytes: usize| {
            (0..mebibytes).for_each(|_| message.extend(&[b'x'; MIB]));
        };
        let mut slow = PartialMessage::sharing(&honest);
        fill(&mut PartialMessage::sharing(&flooding), 17);
        fill(&mut slow, 1);
        let mut others: Vec<_> = (0..8).map(|_| PartialMessage::sharing(&flooding)).collect();
        others.iter_mut().for_each(|message| fill(message, 9));
        assert_eq!(slow.finish().unwrap().len(), MIB);
        let dropped = others.iter_mut().filter_map(|message| message.finish().err()).next().unwrap();
        assert!(dropped.head.len() == END_BYTES && dropped.tail.len() == END_BYTES);
        drop((others, slow));
        assert!(budget.0.lock().by_id.is_empty() && budget.0.lock().bytes == 0);
    }
}
