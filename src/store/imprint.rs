//! Marks that checkpoints left in the database file itself, whatever is in its log: by them it is recognized.
//!
//! A change of the file's size or time without a checkpoint (`log_index`) is good only if the file by itself is as it
//! was, as after `touch`. Otherwise all is refused until the next start, reads as well, as SQLite's caches are of
//! another file; nothing is folded into it, and a connection stays open, since closing the last one would do so
//! (`findings/sqlite-file-overwritten.sh`). Not noticed: an overwrite within one checkpoint of Ostler's own, or within
//! the second of a foreign one.

use std::path::Path;

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};
use serde::{Deserialize, Serialize};

use crate::store::sqlite_file::sqlite_uri;

/// Figures that differ between a file, its own earlier states, and copies of it: those by `.backup` and `VACUUM INTO`
/// have another schema version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Imprint {
    header: Header,
    /// The last heartbeat; `None` in a file that has only a log so far.
    beat: Option<String>,
    /// When the database was made: its first migration, in UTC to the second. `None` likewise.
    #[serde(default)]
    made: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
struct Header {
    #[diesel(sql_type = BigInt)]
    schema: i64,
    #[diesel(sql_type = BigInt)]
    pages: i64,
    #[diesel(sql_type = BigInt)]
    free: i64,
}

#[derive(QueryableByName)]
struct Times {
    #[diesel(sql_type = Text)]
    beat: String,
    #[diesel(sql_type = Text)]
    made: String,
}

impl Imprint {
    /// Reads that of a file, without its log; `None` where it cannot be read as a database, as while it is written to.
    pub(super) fn read(database: &Path) -> Option<Self> {
        // By SQLite, which knows better than to close a file that it has locks on. `immutable` leaves the log out.
        let mut conn = SqliteConnection::establish(&sqlite_uri(database, "mode=ro&immutable=1").ok()?).ok()?;
        let header = sql_query(
            "SELECT schema_version AS schema, page_count AS pages, freelist_count AS free \
             FROM pragma_schema_version, pragma_page_count, pragma_freelist_count",
        );
        let header = header.get_result(&mut conn).ok()?;
        let times = sql_query("SELECT beat_at AS beat, min(run_on) AS made FROM heartbeat, __diesel_schema_migrations");
        let times: Option<Times> = times.get_result(&mut conn).ok();
        let (beat, made) = times.map(|times| (times.beat, times.made)).unzip();
        Some(Self { header, beat, made })
    }

    /// True for an earlier state, or of another file: the schema's version only grows.
    pub(super) fn is_before(&self, later: &Self) -> bool {
        self.header.schema < later.header.schema || self.is_of_another(later)
    }

    fn is_of_another(&self, other: &Self) -> bool {
        self.made.as_ref().zip(other.made.as_ref()).is_some_and(|(made, others)| made != others)
    }

    /// True where it may be that of a later state.
    pub(super) fn may_follow(&self, earlier: &Self) -> bool {
        !self.is_before(earlier) && self.beat >= earlier.beat
    }
}
