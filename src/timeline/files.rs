//! [`Files`]: the files of all servers, within a budget. The server with the most bytes loses its oldest segment first.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    io::Write,
};

use crate::{model::ServerId, timeline::storage::Storage};

/// A segment has no more bytes than that, and no more than this part of what a server has if all have equally much.
const SEGMENT_BYTES_MAX: u64 = 4 << 20;
const PARTS: u64 = 4;

/// Nor, so that few lines are in many segments, fewer than that before there is another.
const SEGMENT_BYTES_MIN: u64 = 16 << 10;

/// The files of all servers, as far as the budget goes.
pub(super) struct Files {
    storage: Storage,
    budget: u64,
    total: u64,
    servers: HashMap<ServerId, Segments>,
}

/// Those of one server.
#[derive(Default)]
struct Segments {
    /// Bytes by number.
    lengths: BTreeMap<u64, u64>,
    bytes: u64,
    /// The highest number there was.
    last: u64,
    /// True when the newest segment is known to end with a line feed.
    is_whole: bool,
}

impl Files {
    /// Finds the files of an earlier run, removes those of servers that are gone, and those beyond the budget.
    pub(super) fn find(storage: Storage, budget: u64, known: &HashSet<ServerId>) -> Self {
        let mut files = Self { storage, budget, total: 0, servers: HashMap::new() };
        for id in files.storage.servers() {
            let found = if known.contains(&id) { Segments::find(&files.storage, id) } else { Segments::default() };
            files.total = files.total.saturating_add(found.bytes);
            files.servers.insert(id, found);
            if !known.contains(&id) {
                files.remove(id);
            }
        }
        files.make_room(0);
        files
    }

    /// Bytes of lines to write at once, about.
    pub(super) fn longest(&self) -> usize {
        let servers = u64::try_from(self.servers.len()).unwrap_or(u64::MAX).max(1);
        let share = self.budget.checked_div(servers).and_then(|share| share.checked_div(PARTS)).unwrap_or_default();
        usize::try_from(share.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)).unwrap_or(usize::MAX)
    }

    /// Appends whole lines to what a server has. Where it fails, part of them may have been written.
    pub(super) fn append(&mut self, id: ServerId, lines: &[u8]) -> io::Result<()> {
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.servers.entry(id).or_default();
        let longest = u64::try_from(self.longest()).unwrap_or(u64::MAX);
        self.make_room(length.saturating_add(1));
        let Some(segments) = self.servers.get_mut(&id) else { return Ok(()) };
        let before = segments.bytes;
        let outcome = segments.append(&self.storage, id, lines, longest);
        self.total = self.total.saturating_sub(before).saturating_add(segments.bytes);
        outcome
    }

    /// Removes everything of a server.
    pub(super) fn remove(&mut self, id: ServerId) {
        let removed = self.servers.remove(&id).unwrap_or_default();
        self.total = self.total.saturating_sub(removed.bytes);
        if let Err(cause) = self.storage.remove_server(id) {
            log::warn!(server:% = id, cause:%; "the timeline of a removed server cannot be removed");
        }
    }

    /// Removes the oldest segment of the server with the most bytes, until so many bytes more are within the budget.
    fn make_room(&mut self, bytes: u64) {
        while self.total.saturating_add(bytes) > self.budget {
            let most = self.servers.iter_mut().max_by_key(|(_, segments)| segments.bytes);
            let Some((id, segments)) = most else { return };
            let Some((number, length)) = segments.lengths.pop_first() else { return };
            segments.bytes = segments.bytes.saturating_sub(length);
            self.total = self.total.saturating_sub(length);
            // One that is gone already takes no room.
            let _ = self.storage.remove(*id, number);
        }
    }
}

impl Segments {
    fn find(storage: &Storage, id: ServerId) -> Self {
        let mut found = Self::default();
        for number in storage.segments(id) {
            let length = storage.length(id, number);
            found.lengths.insert(number, length);
            found.bytes = found.bytes.saturating_add(length);
            found.last = found.last.max(number);
        }
        found
    }

    fn append(&mut self, storage: &Storage, id: ServerId, lines: &[u8], longest: u64) -> io::Result<()> {
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let newest = self.lengths.last_key_value().map(|(number, length)| (*number, *length));
        let (number, written) = match newest.filter(|(_, written)| written.saturating_add(length) <= longest) {
            Some(newest) => newest,
            None => (self.last.saturating_add(1), 0),
        };
        let outcome = write(storage, id, number, lines, self.is_whole || written == 0);
        self.is_whole = outcome.is_ok();
        self.last = number;
        // Bytes written by a failed attempt count.
        let length = match &outcome {
            Ok(added) => written.saturating_add(*added),
            Err(_) => storage.length(id, number),
        };
        self.bytes = self.bytes.saturating_sub(written).saturating_add(length);
        self.lengths.insert(number, length);
        outcome.map(drop)
    }
}

/// Appends lines to a segment, which is made where there is none; says how many bytes that were.
fn write(storage: &Storage, id: ServerId, number: u64, lines: &[u8], is_whole: bool) -> io::Result<u64> {
    let mut file = storage.open_to_append(id, number)?;
    // A process killed while writing may have left half a line: it ends here, and readers skip it.
    let torn: &[u8] = if is_whole { b"" } else { b"\n" };
    file.write_all(torn)?;
    file.write_all(lines)?;
    u64::try_from(torn.len().saturating_add(lines.len())).map_err(io::Error::other)
}
