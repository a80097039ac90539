//! The thread that writes: lines that it cannot write are lost and counted, and the first failure is logged.

use std::{collections::HashMap, io};

use crate::{
    model::{ServerId, TimelineLevel},
    timeline::{
        files::Files,
        queue::{Queue, QueuedLine, Waiting, What},
        storage::Storage,
    },
};

/// Writes until the queue ends.
pub(super) fn run(queue: &Queue, storage: Storage, budget: u64) {
    let files = Files::find(storage, budget, &queue.known());
    let mut writer = TimelineWriter { files, is_failing: false, lost: HashMap::new() };
    while let Some(batch) = queue.take() {
        for (id, waiting) in batch.servers {
            writer.write(id, waiting);
        }
        for id in batch.gone {
            writer.files.remove(id);
            writer.lost.remove(&id);
        }
    }
}

struct TimelineWriter {
    files: Files,
    /// True when the last attempt failed, and that was logged.
    is_failing: bool,
    /// Lines that could not be written since the last that could.
    lost: HashMap<ServerId, u64>,
}

impl TimelineWriter {
    fn write(&mut self, id: ServerId, Waiting { entries, lost, .. }: Waiting) {
        let before = self.lost.remove(&id).map(|lost| missing(lost, "could not be written"));
        let after = (lost > 0).then(|| missing(lost, "came faster than they could be written"));
        let most = self.files.longest();
        let (mut lines, mut count) = (Vec::new(), 0);
        for entry in before.into_iter().chain(entries).chain(after) {
            // Writing to memory, which does not fail.
            let _ = serde_json::to_writer(&mut lines, &entry.item());
            lines.push(b'\n');
            count += 1;
            if lines.len() >= most {
                self.append(id, &lines, std::mem::take(&mut count));
                lines.clear();
            }
        }
        if !lines.is_empty() {
            self.append(id, &lines, count);
        }
    }

    fn append(&mut self, id: ServerId, lines: &[u8], count: u64) {
        let outcome = self.files.append(id, lines);
        if outcome.is_err() {
            let lost = self.lost.entry(id).or_default();
            *lost = lost.saturating_add(count);
        }
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: io::Result<()>) {
        match outcome {
            Err(cause) if !self.is_failing => {
                log::error!(cause:%; "the timelines of servers cannot be written; what they should have is lost until they can");
                self.is_failing = true;
            }
            Ok(()) if self.is_failing => {
                log::info!("the timelines of servers are written again");
                self.is_failing = false;
            }
            Ok(()) | Err(_) => {}
        }
    }
}

fn missing(count: u64, why: &str) -> QueuedLine {
    QueuedLine::now(What::Ostler(TimelineLevel::Warn, format!("{count} lines are missing here: they {why}")))
}
