//! Timelines of servers: output, events and calls, on disk as JSON lines, one file after the other for each server,
//! all together within a budget of bytes.
//!
//! A writer hands its line to a [`Log`] and goes on. Waiting lines are bounded: beyond that they are dropped, which
//! the timeline then says. One thread takes all of them ten times a second and appends them (`writer`, `files`);
//! nothing is synced, so the last tenth of a second may be lost on a SIGKILL. Readers read the files by themselves
//! (`page`). Where files are is known to `storage` alone.
//!
//! No file is held open, so 500 servers need no descriptors. A segment ends at a quarter of the server's fair share of
//! the budget; past the budget the server with most loses its oldest. A line that cannot be parsed, such as half of one
//! after a SIGKILL, is passed over. A cursor is a segment and a byte in it. A warning about one server goes to the log
//! and to its `Link::add_note`: there is no hook in the logger, as an embedding program has its own.

mod files;
mod page;
mod queue;
mod storage;
mod unwritten;
mod writer;

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    error::{Error, Noun, Result},
    model::{CallId, OutputStream, Page, PageRequest, ServerId, TimelineFilter, TimelineItem, TimelineLevel},
};

#[cfg(any(test, fuzzing))]
pub(crate) use page::TimelineCursor;

use files::Files;
use queue::{Queue, What};
use storage::Storage;
use unwritten::Unwritten;

/// Time that [`Timeline::stop`] waits for the last lines to be written.
const LAST: Duration = Duration::from_secs(5);

/// The timelines of all servers. Dropping it writes what waits, without waiting for that.
pub(crate) struct Timeline {
    queue: Arc<Queue>,
    unwritten: Arc<Unwritten>,
    storage: Storage,
    budget: u64,
    /// Hung up when the thread has ended.
    end: Mutex<Option<mpsc::Receiver<()>>>,
}

/// The handle that appends to one server's timeline; cheap to clone. The default one discards every line.
#[derive(Clone, Default)]
pub struct Log(Option<(ServerId, Arc<Queue>)>);

impl Timeline {
    /// Timelines in this folder, so many bytes of them; none at all where that is 0. Nothing is read or written yet.
    #[must_use]
    pub(crate) fn new(folder: PathBuf, budget: u64) -> Self {
        Self {
            queue: Arc::default(),
            unwritten: Arc::default(),
            storage: Storage::new(folder),
            budget,
            end: Mutex::default(),
        }
    }

    /// Takes lines of this server from now on.
    #[must_use]
    pub(crate) fn log(&self, id: ServerId) -> Log {
        if self.budget == 0 {
            return Log::default();
        }
        self.queue.admit(id);
        Log(Some((id, self.queue.clone())))
    }

    /// Takes no more lines of this server, and removes those it has.
    pub(crate) fn forget(&self, id: ServerId) {
        self.queue.dismiss(id);
    }

    /// Begins to write, once every server there is has its log: what is left of others is removed. Blocks for a moment.
    pub(crate) fn begin(&self) -> Result<()> {
        if self.budget == 0 {
            Files::find(self.storage.clone(), 0, &HashSet::new());
            // Something else may be in it.
            let _ = self.storage.remove_empty();
            return Ok(());
        }
        let (queue, unwritten) = (self.queue.clone(), self.unwritten.clone());
        let (storage, budget) = (self.storage.clone(), self.budget);
        let (running, end) = mpsc::channel();
        let work = move || {
            writer::run(&queue, &unwritten, storage, budget);
            drop::<mpsc::Sender<()>>(running);
        };
        let thread = thread::Builder::new().name("timeline".into()).spawn(work);
        thread.map_err(|error| Error::Internal(format!("no thread for the timeline: {error}")))?;
        *self.end.lock() = Some(end);
        Ok(())
    }

    /// Part of a server's timeline, newest first; [`Noun::Page`] is not found where no timelines are kept. Blocks.
    ///
    /// At most a few mebibytes are searched: a page may have fewer items than match, and a cursor all the same.
    pub(crate) fn page(&self, id: ServerId, filter: &TimelineFilter, page: &PageRequest) -> Result<Page<TimelineItem>> {
        if self.budget == 0 {
            return Err(Error::NotFound(Noun::Page));
        }
        page::read(&self.storage, id, filter, page, self.unwritten.item(id))
    }

    /// Writes what waits, and ends. Blocks, for 5 s where the disk does not answer.
    pub(crate) fn stop(&self) {
        self.queue.end();
        let end = self.end.lock().take();
        if end.is_some_and(|end| end.recv_timeout(LAST) == Err(mpsc::RecvTimeoutError::Timeout)) {
            log::error!("the disk does not answer; the last lines of timelines may be lost");
        }
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.queue.end();
    }
}

impl Log {
    /// The server wrote a line on this stream.
    pub fn output(&self, stream: OutputStream, line: &str) {
        self.push(|| What::Output(stream, line.to_owned()));
    }

    /// Ostler has something to say about the server.
    pub fn ostler(&self, level: TimelineLevel, text: &str) {
        self.push(|| What::Ostler(level, text.to_owned()));
    }

    /// A call of `tool` was answered: what became of it, and after how many milliseconds.
    pub fn call(&self, id: CallId, level: TimelineLevel, tool: String, outcome: &'static str, milliseconds: i64) {
        self.push(|| What::Call { id, level, tool, outcome, milliseconds });
    }

    fn push(&self, what: impl FnOnce() -> What) {
        if let Some((id, queue)) = &self.0 {
            queue.push(*id, what());
        }
    }
}

#[cfg(test)]
mod tests;
