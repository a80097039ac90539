//! The thread that writes: lines that it cannot write are lost and counted, and the first failure is logged.

use crate::{
    model::{ServerId, Timestamp},
    timeline::{
        files::Files,
        queue::{Queue, QueuedLine, Waiting},
        storage::Storage,
        unwritten::{Unwritten, missing},
    },
};

/// Writes until the queue ends.
pub(super) fn run(queue: &Queue, unwritten: &Unwritten, storage: Storage, budget: u64) {
    let files = Files::find(storage, budget, &queue.known());
    let mut writer = TimelineWriter { files, unwritten, is_failing: false };
    while let Some(batch) = queue.take() {
        for (id, waiting) in batch.servers {
            writer.write(id, waiting);
        }
        for id in batch.gone {
            writer.files.remove(id);
            unwritten.remove(id);
        }
    }
}

struct TimelineWriter<'a> {
    files: Files,
    unwritten: &'a Unwritten,
    /// True from a failure, which was logged, until there is no server left whose lines cannot be written.
    is_failing: bool,
}

impl TimelineWriter<'_> {
    fn write(&mut self, id: ServerId, Waiting { entries, lost, .. }: Waiting) {
        // Each item with the number of lines that are lost with it.
        let before = self.unwritten.item(id).map(|item| (item, 0));
        let entries = entries.into_iter().map(|entry| (QueuedLine::item(entry), 1));
        let after = (lost > 0).then(|| missing(Timestamp::now(), lost, "came faster than they could be written"));
        let most = self.files.longest();
        let (mut lines, mut count, mut is_whole) = (Vec::new(), 0_u64, true);
        for (item, stands_for) in before.into_iter().chain(entries).chain(after.map(|item| (item, lost))) {
            // Writing to memory, which does not fail.
            let _ = serde_json::to_writer(&mut lines, &item);
            lines.push(b'\n');
            count = count.saturating_add(stands_for);
            if lines.len() >= most {
                is_whole &= self.append(id, &lines, std::mem::take(&mut count));
                lines.clear();
            }
        }
        if !lines.is_empty() {
            is_whole &= self.append(id, &lines, count);
        }
        // Lost lines are named by the next write that is whole.
        if is_whole && self.unwritten.remove(id) && std::mem::take(&mut self.is_failing) {
            log::info!("the timelines of servers are written again");
        }
    }

    /// Appends lines; counts them as lost and returns false where that fails.
    fn append(&mut self, id: ServerId, lines: &[u8], count: u64) -> bool {
        match self.files.append(id, lines) {
            Err(cause) => {
                self.unwritten.add(id, count);
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::error!(cause:%; "the timelines of servers cannot be written; what they should have is lost until they can");
                }
                false
            }
            Ok(()) => true,
        }
    }
}
