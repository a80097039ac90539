//! Checkpoints of SQLite's write-ahead log on a thread of their own, so that no commit waits for one.
//!
//! Past 4 MiB the log begins again between two commits, as soon as no reader needs it, or is cut once nothing is
//! written.

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
        disk_reserve,
        sqlite_file::{companion, unreadable},
        stamp::Stamps,
    },
};

/// A checkpoint is due after this many pages, as in SQLite itself. No connection runs one by itself
/// (`wal_autocheckpoint`): nothing else writes to the database file while its stamp says that it is settled.
const DUE_AFTER_PAGES: usize = 1000;

/// The log begins again once it has this many pages, about 4 MiB. Each commit writes the same few pages again, and
/// SQLite adds one to the log's index past all that the log has of it already: in a longer log, that takes longer.
const RESTART_AFTER_PAGES: i32 = 1000;

/// Pages that a commit writes beside its rows: inner pages, indexes, counters.
const EXTRA_PAGES_PER_COMMIT: usize = 3;

/// A log longer than this is cut once no checkpoint was due for a second: it grew while a reader was in the way.
const IDLE_LOG_BYTES_MAX: u64 = 4 << 20;

/// Interval of looks at the files while no checkpoint is due.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Attempts to find the log unused between two commits, and the pause after each.
const ATTEMPTS_MAX: usize = 50;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(1);

/// Result of a checkpoint, as SQLite returns it.
#[derive(QueryableByName)]
struct CheckpointRow {
    /// Not 0 where a reader or a writer was in the way.
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
        let log = companion(&disk_reserve::file_of(&mut db)?, "-wal");
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(db, &log, &stamps, &woken))
            .map_err(|error| Error::Internal(format!("no thread for checkpoints: {error}")))?;
        Ok(Self { pages: 0, wake: Some(wake), thread: Some(thread) })
    }

    /// Counts a commit, whose rows took about so many pages.
    pub(crate) fn note_commit(&mut self, pages: usize) {
        self.pages = self.pages.saturating_add(pages).saturating_add(EXTRA_PAGES_PER_COMMIT);
        if self.pages < DUE_AFTER_PAGES {
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
        let run = match woken.recv_timeout(IDLE_CHECK_INTERVAL) {
            Ok(()) => stamped(stamps, || checkpoint(&mut db, woken)),
            // A file that grew while a reader was in the way keeps its length until it is cut.
            Err(RecvTimeoutError::Timeout) if length(log) > IDLE_LOG_BYTES_MAX => {
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
    stamps.end().map_err(unreadable)?;
    Ok(written?)
}

/// Moves all that the log holds into the file and cuts it, waiting for those who read; the last that is written.
pub(super) fn fold(db: &mut SqliteConnection, stamps: &Stamps) -> Result<()> {
    stamps.begin()?;
    let done: CheckpointRow = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(db)?;
    if done.busy == 0 { stamps.close() } else { stamps.end() }.map_err(unreadable)
}

/// Moves what the log holds into the database, and has the next commit write at its beginning where that can be had.
fn checkpoint(db: &mut SqliteConnection, woken: &Receiver<()>) -> QueryResult<()> {
    // PASSIVE waits for no reader or writer and makes none wait; what it leaves is little.
    let done: CheckpointRow = sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(db)?;
    if done.log < RESTART_AFTER_PAGES { Ok(()) } else { attempt(db, "RESTART", woken) }
}

/// Tries a checkpoint that needs the log to itself, between two commits and where no reader needs what it holds.
/// It waits for neither: SQLite would keep commits out for as long as it waits for readers.
fn attempt(db: &mut SqliteConnection, mode: &str, woken: &Receiver<()>) -> QueryResult<()> {
    for _ in 0..ATTEMPTS_MAX {
        let done: CheckpointRow = sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(db)?;
        if done.busy == 0 || woken.recv_timeout(ATTEMPT_PAUSE) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Ok(())
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |found| found.len())
}
