//! Stamp of a SQLite file as it was written last, in the lock file beside it.
//!
//! SQLite ties a log to no database: where a backup was put in the place of the file and the log of the former one was
//! left behind, it replays that log over the backup. The stamp tells such a pair apart before SQLite opens it.
//!
//! It holds inode, size and time of the file and the salt of its log, and is written around checkpoints, the only
//! writes to the file. Each commit compares size and time. A stamp knows a copy of itself by its own inode and time: of
//! a folder that was copied whole, only the salt counts. After a kill during a checkpoint the time says little: a copy
//! by `.backup` has another schema version, and the rest is left to `quick_check`.

use std::{
    fs::{self, File, FileTimes},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::Timestamp,
    store::{
        imprint::Imprint,
        log_index::{Checkpoint, CheckpointProgress, LogIndex},
        occupancy,
        sqlite_file::{companion, unreadable},
    },
};

const OVERWRITTEN: &str = "something else was written to its file while Ostler ran, so that neither the database that was \
                           there nor what was put in its place is whole; stop Ostler, put the right file there, remove \
                           the files beside it that end in -wal and -shm, and start Ostler again";

/// A stamp is as long as what a disk writes whole or not at all.
const STAMP_BYTES: usize = 512;

/// First four bytes of a log, but for the last bit, which says how it sums.
const WAL_MAGIC: u32 = 0x377f_0682;

/// A log that starts over takes the next salt; other programs may have it do so between two checks.
const WAL_RESTARTS_MAX: u32 = 16;

/// Upper bound of the time that a write to the file takes. Later changes were made after Ostler had ended.
const WRITE_SECONDS_MAX: u64 = 120;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    state: StampState,
    database: FileStat,
    /// Its contents, by what checkpoints leave in them.
    #[serde(default)]
    imprint: Option<Imprint>,
    /// The first salt of the log, which counts how often it started over; `None` where there was none yet.
    log: Option<u32>,
    /// The inode of the lock file. It has the database's time of change as well, so that a copy knows that it is one.
    inode: u64,
    boot: String,
    /// When it was made, in Unix seconds.
    at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StampState {
    /// Something may be writing to the file.
    Writing,
    /// Nothing was written since.
    Settled,
    /// Settled, and without a log.
    Closed,
}

/// Metadata of a file, read without opening it: closing it would give up SQLite's locks on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileStat {
    inode: u64,
    size: u64,
    changed: SystemTime,
}

/// Change of the file since the last check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileChange {
    None,
    Seen,
}

/// Log that an earlier run left beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftoverLog {
    /// The database was closed in good order.
    None,
    /// To be replayed.
    Own,
    /// Written for another file.
    Foreign,
}

/// Keeper of the stamp of a database that this process has locked.
pub(super) struct Stamps {
    file: File,
    database: PathBuf,
    /// Of the database; another file in its place gets no stamp.
    inode: u64,
    /// Tells this start of the machine from others.
    boot: String,
    /// There once connections stay open.
    index: OnceLock<LogIndex>,
    /// Set, for ever, once something else was found to have been written to the file.
    overwritten: AtomicBool,
    current: Mutex<Current>,
}

struct Current {
    /// Number of writers to the database file at this moment.
    writing: u32,
    /// The first salt of the log, where it was seen.
    log: Option<u32>,
    /// Progress of checkpoints when the file was last seen as the stamp has it.
    progress: Option<CheckpointProgress>,
    stamp: Option<Stamp>,
}

impl Stamps {
    /// Reads the stamp of `database`.
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        let database = database.canonicalize()?;
        let file = occupancy::open_lock(&database)?;
        let current = Mutex::new(Current { writing: 0, log: None, progress: None, stamp: read(&file) });
        let (index, overwritten) = (OnceLock::new(), AtomicBool::new(false));
        Ok(Self { inode: FileStat::at(&database)?.inode, boot: boot(), file, database, index, overwritten, current })
    }

    /// Classifies the log that is there. To be called before SQLite opens the database.
    pub(super) fn leftover_log(&self) -> io::Result<LeftoverLog> {
        let Some(log) = salt(&self.log()?) else { return Ok(LeftoverLog::None) };
        let current = self.current.lock();
        let Some(stamp) = &current.stamp else { return Ok(LeftoverLog::Own) };
        let is_copy = (stamp.inode, stamp.database.changed) != {
            let own = self.file.metadata()?;
            (own.ino(), own.modified()?)
        };
        let belongs = if is_copy {
            stamp.has_log(log)
        } else {
            stamp.is_of(FileStat::at(&self.database)?, &self.boot) && !self.is_before(stamp)
        };
        Ok(if belongs { LeftoverLog::Own } else { LeftoverLog::Foreign })
    }

    /// To be called once connections stay open: the log they write is another one than that which was found.
    pub(super) fn start(&self) -> io::Result<()> {
        let index = LogIndex::open(&self.database)?;
        self.index.get_or_init(|| index);
        let mut current = self.current.lock();
        current.log = None;
        self.write(&mut current, StampState::Settled)
    }

    /// To be called before anything is written to the database file itself, and balanced with [`Stamps::end`].
    /// Fails where that is not the file it was, which is to be left as it is.
    pub(super) fn begin(&self) -> Result<()> {
        let mut current = self.current.lock();
        self.examine(&mut current)?;
        current.writing += 1;
        if current.writing > 1 { Ok(()) } else { self.write(&mut current, StampState::Writing).map_err(unreadable) }
    }

    /// To be called once it was written.
    pub(super) fn end(&self) -> io::Result<()> {
        let mut current = self.current.lock();
        current.writing = current.writing.saturating_sub(1);
        if current.writing > 0 { Ok(()) } else { self.write(&mut current, StampState::Settled) }
    }

    /// In place of [`Stamps::end`], once there is no log any more, and nothing will be written.
    pub(super) fn close(&self) -> io::Result<()> {
        let mut current = self.current.lock();
        current.writing = 0;
        self.write(&mut current, StampState::Closed)
    }

    /// To be called now and then: notices what others write to the file. A checkpoint of theirs is taken in.
    pub(super) fn look(&self) -> Result<()> {
        let mut current = self.current.lock();
        if self.examine(&mut current)? == FileChange::Seen {
            return Ok(());
        }
        let Some(stamp) = current.stamp.clone().filter(|_| current.writing == 0) else { return Ok(()) };
        current.log = salt(&self.log().map_err(unreadable)?).or(current.log);
        if stamp.state == StampState::Settled && stamp.log == current.log {
            return Ok(());
        }
        // It has been left alone since the last look.
        let progress = current.progress;
        self.stamp(&mut current, StampState::Settled, progress, stamp.database).map_err(unreadable)
    }

    /// [`Stamps::look`] for every commit, given what it `found`: costs nothing where the file is as it was left, and
    /// does not wait for a thread that is making a stamp, as that one checks the file itself.
    pub(super) fn check(&self, found: &fs::Metadata) -> Result<()> {
        self.check_intact()?;
        let Some(mut current) = self.current.try_lock() else { return Ok(()) };
        let is_as_left =
            current.stamp.as_ref().is_none_or(|stamp| FileStat::of(found).is_ok_and(|look| look == stamp.database));
        if is_as_left { Ok(()) } else { self.examine(&mut current).map(drop) }
    }

    /// Fails where something else was found to have been written to the file.
    pub(super) fn check_intact(&self) -> Result<()> {
        let is_overwritten = self.overwritten.load(Ordering::Relaxed);
        if is_overwritten { Err(Error::StoreUnavailable(OVERWRITTEN.into())) } else { Ok(()) }
    }

    /// Looks for what others wrote to the file. Fails where that was no checkpoint and the file is not the same after
    /// it.
    fn examine(&self, current: &mut Current) -> Result<FileChange> {
        self.check_intact()?;
        // Before the file is looked at: a checkpoint that begins in between is one that is still to come.
        let progress = self.progress().map_err(unreadable)?;
        let Some(stamp) = current.stamp.as_ref().filter(|_| current.writing == 0) else { return Ok(FileChange::None) };
        let found = FileStat::at(&self.database).map_err(unreadable)?;
        // Another file in its place says nothing about this one.
        if found == stamp.database || found.inode != self.inode {
            current.progress = progress;
            return Ok(FileChange::None);
        }
        if !self.is_database(stamp, found, current.progress).map_err(unreadable)? {
            self.overwritten.store(true, Ordering::Relaxed);
            log::error!("something else was written to the file of the database; it is left as it is from now on");
            self.check_intact()?;
        }
        self.stamp(current, StampState::Writing, progress, found).map_err(unreadable)?;
        Ok(FileChange::Seen)
    }

    /// True where a file that was changed is still the database.
    fn is_database(&self, stamp: &Stamp, found: FileStat, before: Option<CheckpointProgress>) -> io::Result<bool> {
        let Some((before, now)) = before.zip(self.progress()?) else { return Ok(true) };
        let imprint = || Imprint::read(&self.database);
        Ok(match now.since(before) {
            Checkpoint::Ran => true,
            Checkpoint::MayHaveRun => {
                stamp.imprint.as_ref().is_none_or(|known| imprint().is_some_and(|now| now.may_follow(known)))
            }
            // Touched, or written over with what was there.
            Checkpoint::None => {
                found.size == stamp.database.size && stamp.imprint.is_some() && stamp.imprint == imprint()
            }
        })
    }

    /// True for a file from before the stamp, or of another database.
    fn is_before(&self, stamp: &Stamp) -> bool {
        let there = Imprint::read(&self.database);
        there.zip(stamp.imprint.as_ref()).is_some_and(|(there, known)| there.is_before(known))
    }

    fn progress(&self) -> io::Result<Option<CheckpointProgress>> {
        self.index.get().map(LogIndex::progress).transpose()
    }

    fn write(&self, current: &mut Current, state: StampState) -> io::Result<()> {
        let progress = self.progress()?;
        let database = FileStat::at(&self.database)?;
        if database.inode == self.inode { self.stamp(current, state, progress, database) } else { Ok(()) }
    }

    fn stamp(
        &self,
        current: &mut Current,
        state: StampState,
        progress: Option<CheckpointProgress>,
        database: FileStat,
    ) -> io::Result<()> {
        let known = current.stamp.as_ref().filter(|stamp| stamp.database == database);
        let imprint =
            known.and_then(|stamp| stamp.imprint.clone()).or_else(|| Imprint::read(&self.database)).filter(|_| {
                // An imprint of a file that has changed meanwhile is of no use.
                FileStat::at(&self.database).is_ok_and(|now| now == database)
            });
        // A log that was cut starts over with the next salt.
        current.log = salt(&self.log()?).or(current.log);
        current.progress = progress;
        let (inode, at) = (self.file.metadata()?.ino(), Timestamp::now().unix_seconds());
        let stamp = Stamp { state, database, imprint, log: current.log, inode, boot: self.boot.clone(), at };
        if self.put(&stamp).is_err() {
            // No stamp is better than one that is no longer true.
            self.file.set_len(0)?;
        }
        current.stamp = Some(stamp);
        Ok(())
    }

    fn put(&self, stamp: &Stamp) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(stamp)?;
        bytes.resize(STAMP_BYTES, b' ');
        self.file.write_all_at(&bytes, 0)?;
        self.file.set_times(FileTimes::new().set_modified(stamp.database.changed))?;
        self.file.sync_all()
    }

    /// The head of the log; empty where there is none.
    fn log(&self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        match File::open(companion(&self.database, "-wal")) {
            Ok(log) => log.take(64).read_to_end(&mut head).map(|_| head),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(head),
            Err(error) => Err(error),
        }
    }
}

impl Stamp {
    /// True where a log that begins with `salt` may be the one of the file this was copied along with.
    fn has_log(&self, salt: u32) -> bool {
        match (self.state, self.log) {
            (StampState::Closed, _) => false,
            (StampState::Settled, Some(known)) => salt.wrapping_sub(known) < WAL_RESTARTS_MAX,
            (StampState::Settled, None) | (StampState::Writing, _) => true,
        }
    }

    /// The latest second in which what was being written may have changed the file.
    fn written_by(&self) -> u64 {
        u64::try_from(self.at).unwrap_or(0).saturating_add(WRITE_SECONDS_MAX)
    }

    /// True for the file that was seen. A machine that lost its power may have lost the time of the last change.
    fn is_of(&self, file: FileStat, boot: &str) -> bool {
        let is_as_old = file.inode == self.database.inode && file.changed <= self.database.changed;
        match self.state {
            StampState::Writing => file.inode == self.database.inode && file.seconds() <= self.written_by(),
            StampState::Settled | StampState::Closed => file == self.database || (self.boot != boot && is_as_old),
        }
    }
}

impl FileStat {
    fn at(path: &Path) -> io::Result<Self> {
        Self::of(&fs::metadata(path)?)
    }

    fn of(file: &fs::Metadata) -> io::Result<Self> {
        Ok(Self { inode: file.ino(), size: file.len(), changed: file.modified()? })
    }

    /// When it changed, in Unix seconds.
    fn seconds(&self) -> u64 {
        self.changed.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

fn read(file: &File) -> Option<Stamp> {
    let mut bytes = [0; STAMP_BYTES];
    file.read_exact_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The first salt in the head of a log; `None` where there is nothing in it to replay.
fn salt(head: &[u8]) -> Option<u32> {
    let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let is_log = head.len() > 32 && number(0)? & !1 == WAL_MAGIC;
    is_log.then(|| number(16)).flatten()
}

/// Id of this start of the machine.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
