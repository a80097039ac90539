//! Examination of a SQLite file that was not closed in good order, before SQLite opens it.

use std::path::Path;

use diesel::{Connection as _, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};
use tokio::time::Instant;

use crate::{
    error::{Error, Result},
    store::{
        fault::DAMAGED,
        occupancy,
        sqlite_file::{sqlite_uri, unreadable},
        stamp::{LeftoverLog, Stamps},
    },
};

const FOREIGN_LOG: &str = "its file and the log beside it, of the same name and -wal, do not belong together, as after a \
                           restore: one with the other is a damaged database. To use the file as it is, remove the \
                           files that end in -wal and -shm. To go on where Ostler ended, put back the file that was there";

/// One line of `PRAGMA quick_check`.
#[derive(QueryableByName)]
struct QuickCheckRow {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

/// Fails, changing nothing, where the log beside a database is that of another one, or the two make a damaged one.
/// Blocks, for as long as it takes to read all of the database where there is a log.
pub(super) fn examine(database: &Path) -> Result<()> {
    // A program that has it has examined it.
    let mut lock = None;
    let Ok(()) = occupancy::lock_companion(database, &mut lock) else { return Ok(()) };
    examine_unused(database)
}

fn examine_unused(database: &Path) -> Result<()> {
    let stamps = Stamps::open(database).map_err(unreadable)?;
    match stamps.leftover_log().map_err(unreadable)? {
        LeftoverLog::None => {}
        LeftoverLog::Own => check(database)?,
        LeftoverLog::Foreign => return Err(Error::StoreUnavailable(FOREIGN_LOG.into())),
    }
    stamps.begin()
}

fn check(database: &Path) -> Result<()> {
    log::info!("the database was not closed in good order; all of it is checked before anything else");
    let began = Instant::now();
    // A connection that may write would fold the log into the file at its end, whatever was found.
    let url = sqlite_uri(database, "mode=ro")?;
    let conn = SqliteConnection::establish(&url);
    let mut conn = conn.map_err(|_| Error::StoreUnavailable("its file cannot be opened".into()))?;
    let lines: Vec<QuickCheckRow> = sql_query("PRAGMA quick_check(1)").load(&mut conn)?;
    match lines.iter().find(|line| line.quick_check != "ok") {
        Some(QuickCheckRow { quick_check }) => {
            log::error!(found:% = quick_check; "the database is damaged");
            Err(Error::StoreUnavailable(DAMAGED.into()))
        }
        None => {
            log::info!(milliseconds = began.elapsed().as_millis(); "the database is whole");
            Ok(())
        }
    }
}
