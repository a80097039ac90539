//! The database: the only place that knows diesel. One file per table, SQLite and PostgreSQL.
//!
//! Reads run on a pool ([`Store::read`]); writes belong to the recorder, which owns the one [`Connection`] that
//! [`Store::writer`] opens. Functions in the table modules are plain, synchronous, and take a connection.

pub mod audit;
pub mod calls;
mod connection;
mod fault;
pub mod keys;
mod migration;
mod page;
mod pool;
mod room;
mod schema;
pub mod servers;
pub mod sessions;
pub mod shares;
mod text;
mod url;
pub mod users;

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use diesel::r2d2::Pool;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

pub use connection::Connection;
pub use url::DatabaseUrl;

/// The pool of reading connections; cheap to clone.
#[derive(Clone)]
pub struct Store {
    url: Arc<DatabaseUrl>,
    pool: Pool<pool::Connections>,
    /// As many permits as connections: who waits for one waits here, not on a thread.
    permits: Arc<Semaphore>,
}

impl Store {
    /// Opens the database, making a SQLite file and its folder where missing (folder 0700, file 0600). Runs no migration.
    /// Blocks until one connection is made.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        if let DatabaseUrl::Sqlite(path) = url {
            make_private_file(path)
                .map_err(|error| Error::StoreUnavailable(format!("its file cannot be made: {error}")))?;
        }
        connect(url, connection::Access::Read)?;
        let permits = usize::try_from(pool::SIZE).unwrap_or(1);
        Ok(Self { url: Arc::new(url.clone()), pool: pool::open(url), permits: Arc::new(Semaphore::new(permits)) })
    }

    /// Runs the migrations that are missing and returns their names. Blocks.
    /// Fails, changing nothing, on a schema newer than this program.
    pub fn migrate(&self) -> Result<Vec<String>> {
        migration::run(&mut self.writer()?)
    }

    /// A connection of its own, for the recorder. Blocks.
    pub fn writer(&self) -> Result<Connection> {
        connect(&self.url, connection::Access::Write)
    }

    /// Fails where a SQLite database has less than 4 MiB to grow; PostgreSQL looks after itself.
    pub(crate) fn room(&self) -> Result<()> {
        match self.url.as_ref() {
            DatabaseUrl::Sqlite(path) => room::of_file(path),
            DatabaseUrl::Postgres(_) => Ok(()),
        }
    }

    /// Runs `query` on a pooled connection, on a thread where blocking is allowed. Such connections refuse writes.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let pool = self.pool.clone();
        let work = move || {
            let _permit = permit;
            let mut db = pool.get().map_err(|error| {
                log::warn!(reason:% = error; "no database connection for a read");
                Error::StoreUnavailable(fault::UNREACHABLE.into())
            })?;
            query(&mut db)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::Internal("a read panicked".into())))
    }
}

fn connect(url: &DatabaseUrl, access: connection::Access) -> Result<Connection> {
    Connection::open(url, access).map_err(|error| {
        log::warn!(database:% = url, reason:% = error; "the database cannot be opened");
        match error {
            diesel::ConnectionError::CouldntSetupConfiguration(error) => error.into(),
            _ => Error::StoreUnavailable(fault::UNREACHABLE.into()),
        }
    })
}

/// The write-ahead log and its index, which SQLite makes beside the file, take over its mode.
fn make_private_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}
