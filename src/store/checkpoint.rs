//! Checkpoints of SQLite's write-ahead log on a thread of their own, so that no commit waits for one.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query,
    sql_types::Integer,
};

use crate::{
    error::{Error, Result},
    store::{
        room,
        sqlite_file::{beside, unseen},
        stamp::Stamps,
    },
};

/// A checkpoint is due after this many pages, as in SQLite itself. No connection runs one by itself
/// (`wal_autocheckpoint`): nobody else writes to the database file while it is said to be settled.
const PAGES: usize = 1000;

/// The log begins again once it has this many pages, about 8 MiB (`journal_size_limit`).
const PAGES_MOST: i32 = 2000;

/// What a commit writes beside its rows: inner pages, indexes, counters.
const PAGES_A_COMMIT: usize = 5;

/// A file longer than this is cut once nobody writes for a while.
const LIMIT: u64 = 4 << 20;

/// How often the file is looked at while nothing is due.
const LOOK: Duration = Duration::from_secs(1);

/// Attempts to find the log unused between two commits, and the pause after each.
const ATTEMPTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(1);

/// What SQLite says of a checkpoint.
#[derive(QueryableByName)]
struct Done {
    /// Not 0 where somebody was in the way.
    #[diesel(sql_type = Integer)]
    busy: i32,
    /// Pages in the log.
    #[diesel(sql_type = Integer)]
    log: i32,
}

/// Runs a checkpoint now and then. Dropping it waits for the one that runs.
pub(crate) struct Checkpointer {
    pages: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(mut db: SqliteConnection, stamps: Arc<OnceLock<Stamps>>) -> Result<Self> {
        db.batch_execute("PRAGMA busy_timeout = 0")?;
        let log = beside(&room::file_of(&mut db)?, "-wal");
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(db, &log, &stamps, &woken))
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

fn run(mut db: SqliteConnection, log: &Path, stamps: &OnceLock<Stamps>, woken: &Receiver<()>) {
    loop {
        let run = match woken.recv_timeout(LOOK) {
            Ok(()) => stamped(stamps, || checkpoint(&mut db, woken)),
            // A file that grew while a reader was in the way keeps its length until it is cut.
            Err(RecvTimeoutError::Timeout) if length(log) > LIMIT => {
                stamped(stamps, || attempt(&mut db, "TRUNCATE", woken))
            }
            Err(RecvTimeoutError::Timeout) => stamps.get().map_or(Ok(()), Stamps::look),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Err(error) = run {
            log::debug!(reason:% = error; "a checkpoint failed; the next will try again");
        }
    }
    if stamps.get().is_some_and(|stamps| stamps.look().is_err()) {
        // The last connection that is closed folds the log into the file; one that never is keeps it from that.
        std::mem::forget(db);
    }
}

/// Does what writes to the database file, and stamps the file.
fn stamped(stamps: &OnceLock<Stamps>, write: impl FnOnce() -> QueryResult<()>) -> Result<()> {
    let Some(stamps) = stamps.get() else { return Ok(write()?) };
    stamps.begin()?;
    let written = write();
    stamps.end().map_err(unseen)?;
    Ok(written?)
}

/// Moves all that the log holds into the file and cuts it, waiting for those who read; the last that is written.
pub(super) fn fold(db: &mut SqliteConnection, stamps: &Stamps) -> Result<()> {
    stamps.begin()?;
    let done: Done = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(db)?;
    if done.busy == 0 { stamps.close() } else { stamps.end() }.map_err(unseen)
}

/// Moves what the log holds into the database, and has the next commit write at its beginning where that can be had.
fn checkpoint(db: &mut SqliteConnection, woken: &Receiver<()>) -> QueryResult<()> {
    // PASSIVE waits for nobody and makes nobody wait; what it leaves is little.
    let done: Done = sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(db)?;
    if done.log < PAGES_MOST { Ok(()) } else { attempt(db, "RESTART", woken) }
}

/// Tries a checkpoint that needs the log to itself, between two commits and where no reader needs what it holds.
/// It waits for neither: SQLite would keep commits out for as long as it waits for readers.
fn attempt(db: &mut SqliteConnection, mode: &str, woken: &Receiver<()>) -> QueryResult<()> {
    for _ in 0..ATTEMPTS {
        let done: Done = sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(db)?;
        if done.busy == 0 || woken.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Ok(())
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |found| found.len())
}
