//! Reserve on the file system of a SQLite file, so that calls in flight can still be recorded.

use std::path::{Path, PathBuf};

use diesel::{QueryableByName, RunQueryDsl, SqliteConnection, sql_types::Text};

use crate::error::{Error, Result};

/// Free bytes below which no call begins, so that those in flight can be recorded.
const FREE_BYTES_MIN: u64 = 4 << 20;

#[derive(QueryableByName)]
struct DatabaseFile {
    #[diesel(sql_type = Text)]
    file: String,
}

/// Fails where the file system of this connection's file has less than 4 MiB to give.
pub(super) fn check_connection(conn: &mut SqliteConnection) -> Result<()> {
    check_file(&file_of(conn)?)
}

/// A connection's file; links are followed.
pub(super) fn file_of(conn: &mut SqliteConnection) -> Result<PathBuf> {
    let row: DatabaseFile =
        diesel::sql_query("SELECT file FROM pragma_database_list WHERE name = 'main'").get_result(conn)?;
    Ok(row.file.into())
}

/// Fails where the file system of this file has less than 4 MiB to give.
pub(super) fn check_file(file: &Path) -> Result<()> {
    let unknown =
        |error: rustix::io::Errno| Error::StoreUnavailable(format!("its folder cannot be looked at: {error}"));
    let system = rustix::fs::statvfs(file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))
        .map_err(unknown)?;
    if system.f_bavail.saturating_mul(system.f_frsize) < FREE_BYTES_MIN {
        return Err(Error::StoreUnavailable("less than 4 MiB are free on its file system".into()));
    }
    Ok(())
}
