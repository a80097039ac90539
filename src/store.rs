//! The database: the only place that knows diesel. One file per table, SQLite and PostgreSQL.
//!
//! Reads run on a pool ([`Store::read`]); writes belong to the recorder, which owns the one [`Connection`] that
//! [`Store::writer`] opens. Functions in the table modules are plain, synchronous, and take a connection.

pub mod audit;
pub mod calls;
pub mod keys;
pub mod servers;
pub mod sessions;
pub mod shares;
pub mod users;

use std::path::PathBuf;

use crate::error::Result;

/// Where the data are; read from `DATABASE_URL` by its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite://path` (relative or absolute), one file.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`, handed to libpq as it is.
    Postgres(String),
}

impl std::str::FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(_text: &str) -> Result<Self, String> {
        unimplemented!()
    }
}

/// A connection to either database, with its settings made (see DESIGN: WAL, FULL, foreign keys, busy timeout).
pub enum Connection {
    /// SQLite.
    Sqlite(diesel::SqliteConnection),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

impl Connection {
    /// Runs `work` in a transaction; nested ones are savepoints. Rolls back on `Err`.
    pub fn transaction<T>(&mut self, _work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        unimplemented!()
    }

    /// Writes a heartbeat row and commits it, so that a full, read-only or locked database shows itself.
    /// On SQLite it also fails when the file system has less than 4 MiB free.
    pub fn probe(&mut self) -> Result<()> {
        unimplemented!()
    }
}

/// The pool of reading connections; cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens the database, making a SQLite file and its folder where missing (folder 0700, file 0600). Runs no migration.
    pub fn open(_url: &DatabaseUrl) -> Result<Self> {
        unimplemented!()
    }

    /// Runs the migrations that are missing and returns their names. Blocks.
    /// Fails, changing nothing, on a schema newer than this program.
    pub fn migrate(&self) -> Result<Vec<String>> {
        unimplemented!()
    }

    /// A connection of its own, for the recorder. Blocks.
    pub fn writer(&self) -> Result<Connection> {
        unimplemented!()
    }

    /// Runs `query` on a pooled connection, on a thread where blocking is allowed.
    pub async fn read<T: Send + 'static>(
        &self,
        _query: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        unimplemented!()
    }
}
