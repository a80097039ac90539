//! Files of a SQLite database: their names, how they are made, and what they are opened by.

use std::{
    ffi::{OsStr, OsString},
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// Suffix of the file that is locked.
pub(super) const LOCK_SUFFIX: &str = ".ostler-lock";

/// The URI of a SQLite file, with parameters of SQLite's.
pub(super) fn sqlite_uri(database: &Path, parameters: &str) -> Result<String> {
    let path = std::path::absolute(database).ok().and_then(|path| path.to_str().map(str::to_owned));
    let path = path.ok_or_else(|| Error::StoreUnavailable("its path is not UTF-8".into()))?;
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{escaped}?{parameters}"))
}

/// The file beside a database's, of the same name and a suffix.
pub(super) fn companion(database: &Path, suffix: &str) -> PathBuf {
    [database.as_os_str(), OsStr::new(suffix)].into_iter().collect::<OsString>().into()
}

pub(super) fn unreadable(error: io::Error) -> Error {
    Error::StoreUnavailable(format!("its file cannot be looked at: {error}"))
}

/// The write-ahead log and its index, which SQLite makes beside the file, take over its mode.
pub(super) fn make_private_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
        // Not opened: closing it would give up the locks on it that SQLite may have in this process.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(rustix::fs::access(path, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK)?)
        }
        made => made.map(drop),
    }
}
