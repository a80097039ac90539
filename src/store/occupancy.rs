//! One Ostler per database: a lock beside SQLite's file or in PostgreSQL, held for the life of a runtime.
//!
//! SQLite: `flock` on a file of our own beside the database. On the database itself it would do on a local file system;
//! NFS turns `flock` into `fcntl` locks, which there would shut SQLite out of its own file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{fs::FlockOperation, io::Errno};

use crate::{
    error::{Error, Result},
    store::DatabaseUrl,
};

#[cfg(feature = "postgres")]
mod keeper;

/// Keeps every other Ostler away from a database until it is dropped.
pub struct Occupancy(#[expect(dead_code, reason = "is held, not used")] Box<dyn Send>);

/// Takes the lock; `Conflict` where somebody else has it. Blocks, on PostgreSQL for up to 2 s.
pub(super) fn take(url: &DatabaseUrl) -> Result<Occupancy> {
    match url {
        DatabaseUrl::Sqlite(path) => match lock_beside(path) {
            Ok(file) => Ok(Occupancy(Box::new(file))),
            Err(cause) if cause.raw_os_error() == Some(Errno::WOULDBLOCK.raw_os_error()) => Err(taken(url)),
            Err(cause) => Err(Error::StoreUnavailable(format!("the file that locks it cannot be locked: {cause}"))),
        },
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(_) => Ok(Occupancy(Box::new(keeper::Keeper::start(url.clone())?))),
        #[cfg(not(feature = "postgres"))]
        DatabaseUrl::Postgres(_) => Err(Error::StoreUnavailable(super::fault::UNREACHABLE.into())),
    }
}

fn taken(url: &DatabaseUrl) -> Error {
    Error::Conflict(format!(
        "another Ostler uses the database {url}, and would start the same servers; stop it, or name another database \
         with DATABASE_URL"
    ))
}

fn lock_beside(database: &Path) -> io::Result<File> {
    // Through links, so that one database has one lock whatever it is called.
    let mut name = database.canonicalize()?.into_os_string();
    name.push(".ostler-lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}
