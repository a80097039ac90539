//! The data folder: locked for one runtime, whose processes bear a mark that no copy of the folder shares.

use std::{fs::File, io, os::unix::fs::MetadataExt, path::Path};

use rustix::fs::FlockOperation;

use crate::{
    error::{Error, Result},
    runtime::private_file,
    supervisor::{self, INSTALLATION_VARIABLE},
};

/// Locks the data folder, ends what an earlier run on it left behind, and returns the lock with the mark of its processes.
/// Blocks.
pub(super) fn occupy(dir: &Path) -> Result<(File, String)> {
    let named = |what: &'static str| {
        let dir = dir.display().to_string();
        move |cause: io::Error| Error::Conflict(format!("cannot {what} in the data folder {dir}: {cause}"))
    };
    let id = dir.join("installation");
    private_file::create(&id, &uuid::Uuid::new_v4().to_string()).map_err(named("write"))?;
    let lock = private_file::open_lock(&dir.join("ostler.lock")).map_err(named("make a lock"))?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        let dir = dir.display();
        Error::Conflict(format!("another Ostler uses the data folder {dir}; stop it, or choose another folder"))
    })?;
    let installation = private_file::read(&id).map_err(named("read"))?;
    let mark = mark(installation.trim(), &lock).map_err(named("look at the lock"))?;
    let left = supervisor::sweep(INSTALLATION_VARIABLE, &mark);
    if left > 0 {
        log::warn!(processes = left; "processes that an earlier run left behind were killed");
    }
    Ok((lock, mark))
}

/// Names the installation and its lock. The id alone is copied along with the folder; the file that is locked is another
/// one in every copy. So who holds the lock knows that no living Ostler bears its mark, whatever process numbers and
/// namespaces say.
fn mark(installation: &str, lock: &File) -> io::Result<String> {
    let lock = lock.metadata()?;
    Ok(format!("{installation}@{}:{}", lock.dev(), lock.ino()))
}
