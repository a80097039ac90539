//! SQLite's index of its log, which all programs share that have the database open: it says how far checkpoints came.

use std::{fs::File, io, mem::ManuallyDrop, os::unix::fs::FileExt, path::Path};

use crate::store::sqlite_file::beside;

/// What is read of it; see "WAL-Index File Format" in SQLite's documentation.
const LENGTH: usize = 136;
const PAGES: usize = 16;
const SALTS: usize = 32;
const WRITTEN: usize = 96;
const ATTEMPTED: usize = 128;

/// The index of a database's log. Its file is never closed: that would give up SQLite's locks on it.
pub(super) struct LogIndex(ManuallyDrop<File>);

/// How far checkpoints came. Only they write to the database file, and each is seen here before it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// They change when the log is begun anew.
    salts: [u32; 2],
    /// Pages in the log.
    pages: u32,
    /// Pages of the log that are in the database file.
    written: u32,
    /// Pages that were about to be.
    attempted: u32,
}

/// Whether a checkpoint wrote to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    Ran,
    /// The log was begun anew, which whoever writes to it may do, and a checkpoint at its end.
    MayHaveRun,
    None,
}

impl LogIndex {
    /// To be called while a connection holds it open.
    pub fn open(database: &Path) -> io::Result<Self> {
        File::open(beside(database, "-shm")).map(ManuallyDrop::new).map(Self)
    }

    pub fn progress(&self) -> io::Result<Progress> {
        let mut head = [0; LENGTH];
        self.0.read_exact_at(&mut head, 0)?;
        let number = |at: usize| head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        let number = |at| number(at).ok_or(io::ErrorKind::UnexpectedEof);
        Ok(Progress {
            salts: [number(SALTS)?, number(SALTS + 4)?],
            pages: number(PAGES)?,
            written: number(WRITTEN)?,
            attempted: number(ATTEMPTED)?,
        })
    }
}

impl Progress {
    /// What happened since `earlier`.
    pub fn since(self, earlier: Self) -> Checkpoint {
        let is_same_log = self.salts == earlier.salts;
        let has_moved = (self.written, self.attempted) != (earlier.written, earlier.attempted);
        // Only a log that was written as a whole is begun anew.
        let was_needed = !is_same_log && (self.attempted > 0 || earlier.written < earlier.pages);
        if self.attempted > self.written || (is_same_log && has_moved) || was_needed {
            Checkpoint::Ran
        } else if is_same_log {
            Checkpoint::None
        } else {
            Checkpoint::MayHaveRun
        }
    }
}
