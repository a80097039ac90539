//! The pool of reading connections.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use diesel::{
    r2d2::{ManageConnection, NopErrorHandler, Pool},
    result::ConnectionError,
};

use crate::{
    error::Error,
    store::{Connection, DatabaseUrl, access_mode::AccessMode, opened_files::OpenedFiles},
};

/// Connections of the pool, and so reads that run at once.
pub(super) const READERS_MAX: u32 = 4;

/// Opens and checks connections for the pool.
pub(super) struct Connections {
    url: DatabaseUrl,
    files: Arc<OnceLock<OpenedFiles>>,
}

/// The reason why the pool got no connection; the operator's half, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolFault {
    #[error("{0}")]
    Open(#[from] ConnectionError),
    #[error("{0}")]
    Check(#[from] Error),
}

impl ManageConnection for Connections {
    type Connection = Connection;
    type Error = PoolFault;

    fn connect(&self) -> Result<Connection, PoolFault> {
        // SQLite would make an empty file in place of a missing one.
        self.files.get().map_or(Ok(()), OpenedFiles::check_database)?;
        Ok(Connection::open(&self.url, AccessMode::Read)?)
    }

    // Runs before each loan: a connection that the PostgreSQL server has dropped is replaced unnoticed.
    fn is_valid(&self, db: &mut Connection) -> Result<(), PoolFault> {
        Ok(db.ping()?)
    }

    fn has_broken(&self, db: &mut Connection) -> bool {
        std::thread::panicking() || db.is_broken()
    }
}

/// A pool that opens its connections when they are first wanted. A caller that gets none logs why.
pub(super) fn open(url: &DatabaseUrl, files: Arc<OnceLock<OpenedFiles>>) -> Pool<Connections> {
    Pool::builder()
        .max_size(READERS_MAX)
        .min_idle(Some(0))
        .test_on_check_out(true)
        .connection_timeout(Duration::from_secs(3))
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(Connections { url: url.clone(), files })
}
