//! One Ostler per database: a lock beside SQLite's file, or one that PostgreSQL's writing connection holds, so that
//! no Ostler writes without it.
//!
//! SQLite: `flock` on a file of its own beside the database. On the database itself it would do on a local file system;
//! NFS turns `flock` into `fcntl` locks, which there would shut SQLite out of its own file.
//!
//! PostgreSQL's lock is a fence: no commit without it. Each new connection takes it again, after ending the one that
//! held it. Table `occupancy` names the data folder that has the database, until its servers have ended in good order.
//! One that finds another's row starts no server for five seconds, and none then unless the database takes a write: it
//! may have been a former leader's.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use diesel::prelude::*;

use crate::{
    error::{Error, Result},
    store::{
        Connection, DatabaseUrl,
        connection::on,
        file_lock::FileLock,
        schema::occupancy,
        sqlite_file::{LOCK_SUFFIX, companion},
    },
};

#[cfg(feature = "postgres")]
mod backend;

/// The reason for refusing writes while another Ostler has the database.
const TAKEN_REASON: &str = "another Ostler uses it";

/// The right to be the only Ostler at a database, given back when it is dropped.
pub struct Occupancy {
    /// Marks this Ostler's data folder, whose servers it ends when it starts.
    holder: String,
    lock: OccupancyLock,
}

enum OccupancyLock {
    File {
        path: PathBuf,
        lock: Option<FileLock>,
    },
    #[cfg(feature = "postgres")]
    Backend(backend::BackendLock),
}

/// A database that no other Ostler uses, and the connection that writes.
pub struct Occupied {
    pub(crate) db: Connection,
    pub(crate) occupancy: Occupancy,
}

impl Occupancy {
    /// The right of `holder`, before it is taken.
    pub(super) fn new(url: &DatabaseUrl, holder: &str) -> Self {
        let lock = match url {
            DatabaseUrl::Sqlite(path) => OccupancyLock::File { path: path.clone(), lock: None },
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(_) => OccupancyLock::Backend(backend::BackendLock::default()),
            // No connection is made to it.
            #[cfg(not(feature = "postgres"))]
            DatabaseUrl::Postgres(_) => OccupancyLock::File { path: PathBuf::new(), lock: None },
        };
        Self { holder: holder.into(), lock }
    }

    /// Makes sure that this process still has the lock, where it does not end with the connection.
    pub(crate) fn confirm(&mut self, db: &mut Connection) -> Result<()> {
        match self.lock {
            OccupancyLock::File { .. } => self.hold(db),
            #[cfg(feature = "postgres")]
            OccupancyLock::Backend(_) => Ok(()),
        }
    }

    /// Takes the lock for a connection; [`is_taken`] where another Ostler has it. Blocks, on PostgreSQL for up to 2 s.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "a file is locked without a connection"))]
    pub(super) fn hold(&mut self, db: &mut Connection) -> Result<()> {
        let is_ours = match &mut self.lock {
            OccupancyLock::File { path, lock } => match lock_companion(path, lock) {
                Ok(()) => true,
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => false,
                Err(cause) => {
                    return Err(Error::StoreUnavailable(format!("the file that locks it cannot be locked: {cause}")));
                }
            },
            #[cfg(feature = "postgres")]
            OccupancyLock::Backend(lock) => lock.take(db)?,
        };
        if is_ours { Ok(()) } else { Err(Error::StoreUnavailable(TAKEN_REASON.into())) }
    }

    /// Puts the holder on record. True where that was another one, which did not [release] it, so that its servers may
    /// not have ended yet.
    pub(crate) fn claim(&self, db: &mut Connection) -> Result<bool> {
        let before = on!(db, conn => occupancy::table.select(occupancy::holder).first::<String>(conn).optional())?;
        if before.as_ref() == Some(&self.holder) {
            return Ok(false);
        }
        on!(db, conn => diesel::insert_into(occupancy::table)
            .values((occupancy::id.eq(1), occupancy::holder.eq(&self.holder)))
            .on_conflict(occupancy::id)
            .do_update()
            .set(occupancy::holder.eq(diesel::upsert::excluded(occupancy::holder)))
            .execute(conn))?;
        Ok(before.is_some())
    }
}

/// Takes the holder off the record: its servers have ended.
pub fn release(db: &mut Connection) -> Result<()> {
    on!(db, conn => diesel::delete(occupancy::table).execute(conn))?;
    Ok(())
}

/// True where another Ostler has the database.
pub(crate) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(reason) if reason == TAKEN_REASON)
}

/// The reason why an Ostler does not start where another one is.
pub(super) fn refusal(url: &DatabaseUrl) -> Error {
    Error::Conflict(format!(
        "another Ostler uses the database {url}, and would start the same servers; stop it, or name another database \
         with DATABASE_URL"
    ))
}

/// Locks the file beside a SQLite database, again where it was removed or NFS lost the lock.
pub(super) fn lock_companion(database: &Path, held: &mut Option<FileLock>) -> io::Result<()> {
    // Through links, so that one database has one lock whatever it is called.
    let database = database.canonicalize()?;
    let there = std::fs::metadata(companion(&database, LOCK_SUFFIX)).ok().map(|file| (file.dev(), file.ino()));
    let ours = held.as_ref().map(FileLock::metadata).transpose()?.map(|file| (file.dev(), file.ino()));
    *held = Some(match held.take().filter(|_| ours == there) {
        Some(lock) => lock.retake().map(|()| lock)?,
        None => FileLock::take(open_lock(&database)?)?,
    });
    Ok(())
}

/// Opens that file without locking it.
pub(super) fn open_lock(database: &Path) -> io::Result<File> {
    let file = companion(database, LOCK_SUFFIX);
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file)
}
