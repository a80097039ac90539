//! Checks that the files of a SQLite database are still those that were opened. SQLite goes on writing to a file that
//! was removed or replaced, and all of that is lost once it is closed.
//!
//! Each group and each probe compares device and inode of the paths with those of the open files once it is committed;
//! the log's index is compared once a second. Nothing else in this process opens the file: closing it would give up
//! SQLite's locks.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    error::{Error, Result},
    store::sqlite_file::companion,
};

const DATABASE_MOVED: &str = "its file was removed or replaced while Ostler ran; put back the one that was there, or stop Ostler, \
                     put the right one in its place, and start Ostler again";

const LOG_MOVED: &str =
    "its -wal or -shm file was removed or replaced while Ostler ran; put it back, or start Ostler again";

/// Interval between checks of the log's index, which not every commit needs: no row is written to it.
const INDEX_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Device and inode of the database, its log, and the log's index.
pub(super) struct OpenedFiles {
    database: OpenedFile,
    log: Option<OpenedFile>,
    index: Option<OpenedFile>,
    /// When the index was found last.
    index_found: Mutex<Instant>,
}

struct OpenedFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl OpenedFiles {
    /// Notes the files that are there now. To be called while a connection holds them open. Opens none of them itself:
    /// closing a file gives up every lock that this process has on it, SQLite's as well.
    pub(super) fn note(database: &Path) -> io::Result<Self> {
        // SQLite follows links before it names the other two.
        let target = database.canonicalize()?;
        let [log, index] = ["-wal", "-shm"].map(|ending| OpenedFile::note(companion(&target, ending)).ok());
        let database = OpenedFile::note(std::path::absolute(database)?)?;
        Ok(Self { database, log, index, index_found: Mutex::new(Instant::now()) })
    }

    /// Fails where a name leads to another file or to none; says what can be seen of the database. Takes two `stat`,
    /// and once a second a third.
    pub(super) fn check(&self) -> Result<fs::Metadata> {
        let moved = |text: &str| Error::StoreUnavailable(text.into());
        let database = self.database.find().ok_or_else(|| moved(DATABASE_MOVED))?;
        let is_log_there = self.log.as_ref().is_none_or(|log| log.find().is_some());
        if is_log_there && self.is_index_there() { Ok(database) } else { Err(moved(LOG_MOVED)) }
    }

    fn is_index_there(&self) -> bool {
        let mut found = self.index_found.lock();
        if found.elapsed() < INDEX_CHECK_INTERVAL {
            return true;
        }
        let is_there = self.index.as_ref().is_none_or(|index| index.find().is_some());
        if is_there {
            *found = Instant::now();
        }
        is_there
    }

    /// Checks the database alone: its log goes with the last connection.
    pub(super) fn check_database(&self) -> Result<()> {
        self.database.find().map(drop).ok_or_else(|| Error::StoreUnavailable(DATABASE_MOVED.into()))
    }
}

impl OpenedFile {
    fn note(path: PathBuf) -> io::Result<Self> {
        Ok(Self { identity: identity(&fs::metadata(&path)?), path })
    }

    /// Finds it where it was.
    fn find(&self) -> Option<fs::Metadata> {
        fs::metadata(&self.path).ok().filter(|found| identity(found) == self.identity)
    }
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
