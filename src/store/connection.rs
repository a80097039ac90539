//! [`Connection`]: a connection to either database with its settings made, and transactions on it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

use diesel::{
    Connection as _, RunQueryDsl,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    prelude::*,
    r2d2::R2D2Connection,
    result::{ConnectionError, Error as DieselError},
};

use crate::{
    error::{Error, Result},
    model::Timestamp,
    store::{DatabaseUrl, access_mode::AccessMode, disk_reserve, schema::heartbeat},
};

/// Compiles `$body` once for each database; `$conn` is diesel's own connection in it.
macro_rules! on {
    ($db:expr, $conn:ident => $body:expr) => {
        match $db {
            $crate::store::Connection::Sqlite($conn) => $body,
            #[cfg(feature = "postgres")]
            $crate::store::Connection::Postgres($conn) => $body,
        }
    };
}
pub(super) use on;

/// A connection to either database, with its settings made. Every method blocks.
///
/// SQLite: write-ahead log, `synchronous=FULL`, foreign keys on, 2 s of patience with locks.
/// PostgreSQL: the same patience, `synchronous_commit` never off, UTC.
pub enum Connection {
    /// SQLite.
    Sqlite(diesel::SqliteConnection),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresSession),
}

// The timeout comes first: the other settings wait for locks too.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; \
     PRAGMA journal_size_limit = 8388608; PRAGMA wal_autocheckpoint = 0;";

#[cfg(feature = "postgres")]
const POSTGRES_SETTINGS: &str = "SET TIME ZONE 'UTC'; SET lock_timeout = '2s'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';";

impl Connection {
    /// Opens one. The error's words may name host and user but never the password.
    pub(super) fn open(url: &DatabaseUrl, access: AccessMode) -> Result<Self, ConnectionError> {
        let mut db = match url {
            DatabaseUrl::Sqlite(path) => Self::open_sqlite(path)?,
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => Self::open_postgres(url, access)?,
            #[cfg(not(feature = "postgres"))]
            DatabaseUrl::Postgres(_) => {
                return Err(ConnectionError::BadConnection("built without PostgreSQL".into()));
            }
        };
        if access == AccessMode::Read {
            db.refuse_writes().map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(db)
    }

    fn open_sqlite(path: &Path) -> Result<Self, ConnectionError> {
        // An absolute path is never taken for a URI, nor for `:memory:`.
        let path = std::path::absolute(path).map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
        let name = path.to_str().ok_or_else(|| ConnectionError::BadConnection("its path is not UTF-8".into()))?;
        let mut conn = diesel::SqliteConnection::establish(name)?;
        conn.batch_execute(SQLITE_SETTINGS).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self::Sqlite(conn))
    }

    #[cfg(feature = "postgres")]
    fn open_postgres(url: &str, access: AccessMode) -> Result<Self, ConnectionError> {
        let mut conn = super::postgres::PostgresSession::open(url, access)?;
        conn.batch_execute(POSTGRES_SETTINGS).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self::Postgres(conn))
    }

    fn refuse_writes(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(conn) => conn.batch_execute("PRAGMA query_only = ON"),
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => conn.batch_execute("SET default_transaction_read_only = on"),
        }
    }

    /// Runs `work` in a transaction; nested ones are savepoints. Rolls back on `Err` and on a panic, which goes on.
    /// On SQLite the outermost one takes the write lock at once, so that it cannot fail half-way for want of it.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.attempt(work)?
    }

    /// Like [`Connection::transaction`], but tells apart: the outer `Err` is the transaction's, which could not begin,
    /// commit or roll back, so that those around it are lost too; the inner one is that of `work`, rolled back.
    pub(crate) fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<Result<T>> {
        self.begin()?;
        let depth = self.depth();
        let outcome = match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(value)) => self.commit().map(|()| value),
            Ok(Err(error)) => Err(error),
            Err(panic) => {
                // If this fails, the connection is left broken, which `is_broken` reports.
                let _ = self.roll_back();
                resume_unwind(panic)
            }
        };
        match outcome {
            Ok(value) => Ok(Ok(value)),
            // A commit that fails may have rolled back already; once more would be that of the transaction around it.
            Err(error) if self.depth() < depth || self.roll_back().is_ok() => Ok(Err(error)),
            Err(error @ Error::StoreUnavailable(_)) => Err(error),
            Err(_) => Err(Error::StoreUnavailable("a transaction was lost".into())),
        }
    }

    /// Runs `work` in a transaction that is rolled back. Fails where `work` does, or where its writes could not have
    /// been made: what waits for a commit is brought forward as far as the database can.
    pub(crate) fn rehearse(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut passed = false;
        self.limit_cache(0)?;
        let outcome = self.transaction(|db| {
            work(db)?;
            #[cfg(feature = "postgres")]
            if let Self::Postgres(conn) = db {
                conn.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")?;
            }
            passed = true;
            Err(Error::Internal("rehearsed".into()))
        });
        self.limit_cache(-4096)?;
        match outcome {
            Err(Error::Internal(_)) if passed => Ok(()),
            other => other,
        }
    }

    /// Pages that SQLite has no cache for it writes to its log at once, and not with the commit.
    fn limit_cache(&mut self, size: i32) -> Result<()> {
        match self {
            Self::Sqlite(conn) => conn.batch_execute(&format!("PRAGMA cache_size = {size}"))?,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => begin_sqlite(conn)?,
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => AnsiTransactionManager::begin_transaction(conn)?,
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(on!(self, conn => AnsiTransactionManager::commit_transaction(conn))?)
    }

    fn roll_back(&mut self) -> Result<()> {
        Ok(on!(self, conn => AnsiTransactionManager::rollback_transaction(conn))?)
    }

    /// Number of open transactions, one in the other; many where that is unknown.
    fn depth(&mut self) -> u32 {
        let depth = on!(self, conn => AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth());
        depth.map_or(u32::MAX, |depth| depth.map_or(0, std::num::NonZeroU32::get))
    }

    /// Writes a heartbeat row and commits it, so that a full, read-only or locked database shows itself.
    /// On SQLite it also fails when the file system has less than 4 MiB free.
    pub fn probe(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => disk_reserve::check_connection(conn)?,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {}
        }
        self.beat()
    }

    /// The heartbeat alone.
    pub(crate) fn beat(&mut self) -> Result<()> {
        let row = (heartbeat::id.eq(1), heartbeat::beat_at.eq(Timestamp::now().naive()));
        on!(self, conn => diesel::insert_into(heartbeat::table)
            .values(row)
            .on_conflict(heartbeat::id)
            .do_update()
            .set(heartbeat::beat_at.eq(diesel::upsert::excluded(heartbeat::beat_at)))
            .execute(conn))?;
        Ok(())
    }

    /// True where it must not be used again: a transaction on it neither ended nor could be rolled back.
    pub(crate) fn is_broken(&mut self) -> bool {
        on!(self, conn => conn.is_broken())
    }

    /// Asks the database for a sign of life; SQLite, being in this process, always gives one.
    pub(crate) fn ping(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => conn.ping().map_err(|_| Error::StoreUnavailable(super::fault::UNREACHABLE.into())),
        }
    }
}

fn begin_sqlite(conn: &mut diesel::SqliteConnection) -> QueryResult<()> {
    match AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE") {
        Err(DieselError::AlreadyInTransaction) => AnsiTransactionManager::begin_transaction(conn),
        // A reading connection may not take the write lock; what it wants is a snapshot.
        Err(DieselError::DatabaseError(_, why)) if why.message().contains("readonly") => {
            AnsiTransactionManager::begin_transaction(conn)
        }
        other => other,
    }
}
