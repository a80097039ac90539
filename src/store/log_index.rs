//! SQLite's index of its log, which all programs share that have the database open: it says how far checkpoints came.

use std::{fs::File, io, mem::ManuallyDrop, os::unix::fs::FileExt, path::Path};

use crate::store::sqlite_file::companion;

/// Bytes that are read, and offsets in them: "WAL-Index File Format" in SQLite's documentation.
const HEAD_BYTES: usize = 136;
const PAGES_OFFSET: usize = 16;
const SALTS_OFFSET: usize = 32;
const WRITTEN_OFFSET: usize = 96;
const ATTEMPTED_OFFSET: usize = 128;

/// The index of a database's log. Its file is never closed: that would give up SQLite's locks on it.
pub(super) struct LogIndex(ManuallyDrop<File>);

/// Progress of checkpoints. Only they write to the database file, and each is seen here before it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckpointProgress {
    /// They change when the log starts over.
    salts: [u32; 2],
    /// Pages in the log.
    pages: u32,
    /// Pages of the log that are in the database file.
    written: u32,
    /// Pages that were about to be.
    attempted: u32,
}

/// Checkpoints between two looks at their progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    Ran,
    /// The log started over, by a commit of any program, or by a checkpoint that ended there.
    MayHaveRun,
    None,
}

impl LogIndex {
    /// To be called while a connection holds it open.
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        File::open(companion(database, "-shm")).map(ManuallyDrop::new).map(Self)
    }

    pub(super) fn progress(&self) -> io::Result<CheckpointProgress> {
        let mut head = [0; HEAD_BYTES];
        self.0.read_exact_at(&mut head, 0)?;
        let number = |at: usize| head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        let number = |at| number(at).ok_or(io::ErrorKind::UnexpectedEof);
        Ok(CheckpointProgress {
            salts: [number(SALTS_OFFSET)?, number(SALTS_OFFSET + 4)?],
            pages: number(PAGES_OFFSET)?,
            written: number(WRITTEN_OFFSET)?,
            attempted: number(ATTEMPTED_OFFSET)?,
        })
    }
}

impl CheckpointProgress {
    /// Compares with `earlier`.
    pub(super) fn since(self, earlier: Self) -> Checkpoint {
        let is_same_log = self.salts == earlier.salts;
        let has_moved = (self.written, self.attempted) != (earlier.written, earlier.attempted);
        // A log starts over only once all of it was written to the database file.
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
