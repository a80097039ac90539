//! [`Unwritten`]: lines that could not be written, counted until their server's timeline can say so.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::model::{ServerId, TimelineItem, TimelineKind, TimelineLevel, Timestamp};

/// Lines that could not be written, by server; empty while all can be.
#[derive(Default)]
pub(super) struct Unwritten(Mutex<HashMap<ServerId, UnwrittenLines>>);

struct UnwrittenLines {
    count: u64,
    /// When it was tried last.
    at: Timestamp,
}

impl Unwritten {
    /// Counts lines of a server.
    pub(super) fn add(&self, id: ServerId, lines: u64) {
        let mut all = self.0.lock();
        let count = all.get(&id).map_or(0, |lines| lines.count).saturating_add(lines);
        all.insert(id, UnwrittenLines { count, at: Timestamp::now() });
    }

    /// Forgets those of a server; true where no others are left.
    pub(super) fn remove(&self, id: ServerId) -> bool {
        let mut all = self.0.lock();
        all.remove(&id);
        all.is_empty()
    }

    /// The item that stands for the unwritten lines of a server, if there are any.
    pub(super) fn item(&self, id: ServerId) -> Option<TimelineItem> {
        let all = self.0.lock();
        let UnwrittenLines { count, at } = all.get(&id)?;
        Some(missing(*at, *count, "could not be written"))
    }
}

/// An item that stands for lines.
pub(super) fn missing(at: Timestamp, lines: u64, why: &str) -> TimelineItem {
    let text = format!("{lines} lines are missing here: they {why}");
    TimelineItem { at, kind: TimelineKind::Ostler, level: Some(TimelineLevel::Warn), text, call_id: None }
}
