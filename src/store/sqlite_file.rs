//! Files of a SQLite database: their names, how they are made, and what they are opened by.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::geteuid,
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

/// Makes the file where there is none; one that is there must be of use. The write-ahead log and its index, which
/// SQLite makes beside it, take over its mode.
pub(super) fn make_private_file(path: &Path) -> Result<()> {
    let cannot = |what: &str, error: io::Error| {
        Error::StoreUnavailable(format!("{what} cannot be made: {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| cannot("the folder of its file", error))?;
    }
    match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
        // Not opened: closing it would give up the locks on it that SQLite may have in this process.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => examine_access(path),
        made => made.map(drop).map_err(|error| cannot("its file", error)),
    }
}

/// Says why what is there cannot be used.
fn examine_access(path: &Path) -> Result<()> {
    let file_is = |what: String| Error::StoreUnavailable(format!("its file {what}: {}", path.display()));
    let found = fs::metadata(path).map_err(|error| {
        let is_dangling = error.kind() == io::ErrorKind::NotFound;
        file_is(if is_dangling {
            "is a link that leads nowhere".into()
        } else {
            format!("cannot be looked at ({error})")
        })
    })?;
    if found.is_dir() {
        return Err(file_is("is a folder".into()));
    }
    access(path, Access::READ_OK | Access::WRITE_OK).map_err(|error| {
        let (owner, user) = (found.uid(), geteuid().as_raw());
        let owner = if owner == user { String::new() } else { format!("; user {owner} owns it, not user {user}") };
        file_is(format!("cannot be read and written ({error}{owner})"))
    })
}
