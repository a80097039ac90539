//! Checkpoints of SQLite's write-ahead log on a thread of their own, so that no commit waits for one.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use diesel::connection::SimpleConnection;

use crate::{
    error::{Error, Result},
    store::Connection,
};

/// A checkpoint is due after this many pages, as in SQLite itself. Where this thread falls behind, the writing
/// connection still runs one, at 64 MiB (`wal_autocheckpoint`).
const PAGES: usize = 1000;

/// What a commit writes beside its rows: inner pages, indexes, counters.
const PAGES_A_COMMIT: usize = 5;

/// Runs a checkpoint now and then. Dropping it waits for the one that runs.
pub(crate) struct Checkpointer {
    pages: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(db: Connection) -> Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(db, &woken))
            .map_err(|error| Error::Internal(format!("no thread for checkpoints: {error}")))?;
        Ok(Self { pages: 0, wake: Some(wake), thread: Some(thread) })
    }

    /// To be told of every commit, and about how many pages its rows took.
    pub(crate) fn note_commit(&mut self, pages: usize) {
        self.pages = self.pages.saturating_add(pages).saturating_add(PAGES_A_COMMIT);
        if self.pages < PAGES {
            return;
        }
        self.pages = 0;
        if let Some(wake) = &self.wake {
            // Full means that one is due already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut db: Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let run = match &mut db {
            // PASSIVE waits for nobody and makes nobody wait; what it leaves, the next one takes.
            Connection::Sqlite(conn) => conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"),
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => Ok(()),
        };
        if let Err(error) = run {
            log::debug!(reason:% = error; "a checkpoint failed; the next will try again");
        }
    }
}
