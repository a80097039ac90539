//! The queue of lines to write: bounded for each server and for all, so that a flood costs lines and blocks no caller.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::model::{CallId, OutputStream, ServerId, TimelineItem, TimelineKind, TimelineLevel, Timestamp};

/// Bytes that may wait, of all servers.
const QUEUED_BYTES_MAX: usize = 32 << 20;

/// And of one: others' lines shall not be lost in its flood, nor what Ostler has to say about it.
const QUEUED_BYTES_PER_SERVER_MAX: usize = 4 << 20;
const QUEUED_OUTPUT_BYTES_MAX: usize = 3 << 20;

/// So much is written at once, without waiting for more.
const BATCH_BYTES: usize = 1 << 20;

/// Time that more lines are waited for otherwise.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Bytes that an entry takes in memory beside its text, about.
const OVERHEAD_BYTES: usize = 96;

/// Lines to write, by server.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    known: HashSet<ServerId>,
    batch: Batch,
    bytes: usize,
    ended: bool,
}

/// Lines queued and servers removed since the last batch was taken.
#[derive(Default)]
pub(super) struct Batch {
    pub servers: HashMap<ServerId, Waiting>,
    /// Servers that are no more.
    pub gone: Vec<ServerId>,
}

/// The queued lines of one server.
#[derive(Default)]
pub(super) struct Waiting {
    pub entries: Vec<QueuedLine>,
    /// Lines that did not fit.
    pub lost: u64,
    bytes: usize,
}

/// A line to write.
pub(super) struct QueuedLine {
    at: Timestamp,
    what: What,
}

/// The content of a line.
pub(super) enum What {
    Output(OutputStream, String),
    Ostler(TimelineLevel, String),
    Call { id: CallId, level: TimelineLevel, tool: String, outcome: &'static str, milliseconds: i64 },
}

impl What {
    fn cost(&self) -> usize {
        let (Self::Output(_, text) | Self::Ostler(_, text) | Self::Call { tool: text, .. }) = self;
        text.len().saturating_add(OVERHEAD_BYTES)
    }
}

impl QueuedLine {
    /// Something that is so now.
    fn now(what: What) -> Self {
        Self { at: Timestamp::now(), what }
    }

    /// The item that it is kept as.
    pub(super) fn item(self) -> TimelineItem {
        let at = self.at;
        match self.what {
            What::Output(stream, text) => {
                let kind = match stream {
                    OutputStream::Stderr => TimelineKind::Stderr,
                    OutputStream::Stdout => TimelineKind::Stdout,
                };
                TimelineItem { at, kind, level: None, text, call_id: None }
            }
            What::Ostler(level, text) => {
                TimelineItem { at, kind: TimelineKind::Ostler, level: Some(level), text, call_id: None }
            }
            What::Call { id, level, tool, outcome, milliseconds } => {
                let text = format!("{tool} {outcome} after {milliseconds} ms");
                TimelineItem { at, kind: TimelineKind::Call, level: Some(level), text, call_id: Some(id) }
            }
        }
    }
}

impl Queue {
    /// Takes what is said of this server from now on.
    pub(super) fn admit(&self, id: ServerId) {
        self.state.lock().known.insert(id);
    }

    /// Takes nothing more of it, and has what there is removed.
    pub(super) fn dismiss(&self, id: ServerId) {
        let mut state = self.state.lock();
        if state.known.remove(&id) {
            let waited = state.batch.servers.remove(&id).unwrap_or_default();
            state.bytes = state.bytes.saturating_sub(waited.bytes);
            state.batch.gone.push(id);
            self.wake.notify_one();
        }
    }

    /// Adds a line; leaves it out, counted, where too much waits.
    pub(super) fn push(&self, id: ServerId, what: What) {
        let cost = what.cost();
        let mut state = self.state.lock();
        if state.ended || !state.known.contains(&id) {
            return;
        }
        let before = state.bytes;
        let waiting = state.batch.servers.entry(id).or_default();
        let most = if matches!(what, What::Output(..)) { QUEUED_OUTPUT_BYTES_MAX } else { QUEUED_BYTES_PER_SERVER_MAX };
        if waiting.bytes.saturating_add(cost) > most || before.saturating_add(cost) > QUEUED_BYTES_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        waiting.bytes = waiting.bytes.saturating_add(cost);
        // The moment is taken here, so that lines are in the order of their times.
        waiting.entries.push(QueuedLine::now(what));
        state.bytes = before.saturating_add(cost);
        if before == 0 || (before < BATCH_BYTES && state.bytes >= BATCH_BYTES) {
            self.wake.notify_one();
        }
    }

    /// Writes no more than what waits.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.wake.notify_one();
    }

    /// Every server that is taken lines of.
    pub(super) fn known(&self) -> HashSet<ServerId> {
        self.state.lock().known.clone()
    }

    /// Waits for something to write, and a moment for more; `None` once all is written and the end has come.
    pub(super) fn take(&self) -> Option<Batch> {
        let is_idle = |state: &mut State| state.bytes == 0 && state.batch.gone.is_empty() && !state.ended;
        let mut state = self.state.lock();
        self.wake.wait_while(&mut state, is_idle);
        let is_little = |state: &mut State| state.bytes < BATCH_BYTES && !state.ended;
        self.wake.wait_while_for(&mut state, is_little, BATCH_INTERVAL);
        let batch = std::mem::take(&mut state.batch);
        let is_last = state.ended && batch.servers.is_empty() && batch.gone.is_empty();
        state.bytes = 0;
        (!is_last).then_some(batch)
    }
}
