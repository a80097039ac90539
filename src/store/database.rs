//! [`Store`]: the database, its pool of reading connections, and connections that write.

use std::{
    fmt::Display,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::r2d2::Pool;
use tokio::sync::Semaphore;

#[cfg(feature = "postgres")]
use crate::store::postgres;
use crate::{
    error::{Error, Result},
    store::{
        Checkpointer, Connection, DatabaseUrl, Occupancy, Occupied,
        access_mode::AccessMode,
        checkpoint, disk_reserve, examination, fault, is_taken, migration, occupancy,
        opened_files::OpenedFiles,
        pool,
        sqlite_file::{make_private_file, unreadable},
        stamp::Stamps,
    },
};

/// Timeout of a read, after which its caller gets an answer; the query may go on.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The pool of reading connections; cheap to clone.
#[derive(Clone)]
pub struct Store {
    url: Arc<DatabaseUrl>,
    pool: Pool<pool::Connections>,
    /// As many permits as connections: who waits for one waits here, not on a thread.
    permits: Arc<Semaphore>,
    outage: Arc<Outage>,
    /// Of SQLite, once connections stay open.
    files: Arc<OnceLock<OpenedFiles>>,
    /// Of SQLite, once it is locked by this process.
    stamps: Arc<OnceLock<Stamps>>,
}

/// Flag of an outage that is in the log already, so that each is there once, however many reads it fails.
#[derive(Default)]
struct Outage(AtomicBool);

impl Outage {
    fn begin(&self, url: &DatabaseUrl, reason: impl Display) {
        if !self.0.swap(true, Ordering::Relaxed) {
            log::warn!(database:% = url, reason:% = reason; "the database cannot be opened");
        }
    }

    fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Store {
    /// Opens the database, making a SQLite file and its folder where missing (folder 0700, file 0600). Runs no
    /// migration. A file that was left with its log is checked before it is opened. Blocks until one connection is
    /// made. Its errors are for the operator: they have the reason in full, but no password.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        if let DatabaseUrl::Sqlite(path) = url {
            make_private_file(path)?;
            examination::examine(path)?;
        }
        let permits = Semaphore::new(usize::try_from(pool::READERS_MAX).unwrap_or(1));
        let files = Arc::default();
        let (pool, outage) = (pool::open(url, Arc::clone(&files)), Arc::default());
        let (permits, stamps) = (Arc::new(permits), Arc::default());
        let store = Self { url: Arc::new(url.clone()), pool, permits, outage, files, stamps };
        #[cfg(feature = "postgres")]
        if let DatabaseUrl::Postgres(url) = store.url.as_ref() {
            postgres::examine(url)?;
        }
        Connection::open(&store.url, AccessMode::Read).map_err(fault::at_start)?;
        Ok(store)
    }

    /// Runs the migrations that are missing and returns their names. Blocks.
    /// Fails, changing nothing, on a schema newer than this program.
    pub fn migrate(&self) -> Result<Vec<String>> {
        migration::run(&mut self.writer()?)
    }

    /// Keeps every other Ostler away from the database, or fails with `Conflict` where another one is there already.
    /// `holder` marks the data folder. Blocks, on PostgreSQL for up to 2 s.
    pub fn occupy(&self, holder: &str) -> Result<Occupied> {
        let mut occupancy = Occupancy::new(&self.url, holder);
        let taken = |error| if is_taken(&error) { occupancy::refusal(&self.url) } else { error };
        let db = self.occupying_writer(&mut occupancy).map_err(taken)?;
        if let DatabaseUrl::Sqlite(path) = self.url.as_ref() {
            let stamps = Stamps::open(path).map_err(unreadable)?;
            self.stamps.get_or_init(|| stamps);
        }
        Ok(Occupied { db, occupancy })
    }

    /// A connection that writes, once no other Ostler has the database. Blocks, on PostgreSQL for up to 2 s.
    pub(crate) fn occupying_writer(&self, occupancy: &mut Occupancy) -> Result<Connection> {
        let mut db = self.writer()?;
        occupancy.hold(&mut db)?;
        Ok(db)
    }

    /// A connection that writes beside the recorder's. Blocks.
    pub fn writer(&self) -> Result<Connection> {
        self.connect(AccessMode::Write)
    }

    fn connect(&self, access: AccessMode) -> Result<Connection> {
        self.files.get().map_or(Ok(()), OpenedFiles::check_database)?;
        self.check_intact()?;
        let opened = Connection::open(&self.url, access).inspect_err(|error| self.outage.begin(&self.url, error));
        let db = opened.map_err(fault::of_connection)?;
        self.outage.end();
        Ok(db)
    }

    /// Runs checkpoints for the recorder, which reports its commits to it; PostgreSQL checkpoints by itself.
    pub(crate) fn checkpointer(&self) -> Result<Option<Checkpointer>> {
        let DatabaseUrl::Sqlite(_) = self.url.as_ref() else { return Ok(None) };
        match self.connect(AccessMode::Write)? {
            Connection::Sqlite(conn) => Checkpointer::start(conn, Arc::clone(&self.stamps)).map(Some),
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => Ok(None),
        }
    }

    /// Notes the files of a SQLite database, which from now on some connection holds open.
    pub(crate) fn note_opened_files(&self) -> Result<()> {
        let DatabaseUrl::Sqlite(path) = self.url.as_ref() else { return Ok(()) };
        let files = OpenedFiles::note(path).map_err(unreadable)?;
        self.files.get_or_init(|| files);
        self.stamps.get().map_or(Ok(()), Stamps::start).map_err(unreadable)
    }

    /// Moves all that SQLite's log holds into the file, so that neither is left without the other.
    pub(crate) fn fold_log(&self, db: &mut Connection) {
        if let (Connection::Sqlite(conn), Some(stamps)) = (db, self.stamps.get())
            && let Err(error) = checkpoint::fold(conn, stamps)
        {
            log::warn!(reason:% = error; "the log of the database was not folded into its file, but left beside it");
        }
    }

    /// Fails where a SQLite database is no longer in the file that its name leads to, or something else was written to
    /// that. Cheap enough for every commit.
    pub(crate) fn check_in_place(&self) -> Result<()> {
        let Some(files) = self.files.get() else { return Ok(()) };
        let found = files.check()?;
        self.stamps.get().map_or(Ok(()), |stamps| stamps.check(&found))
    }

    /// Fails where something else was found to have been written to a SQLite file: what is read there is no database.
    pub(crate) fn check_intact(&self) -> Result<()> {
        self.stamps.get().map_or(Ok(()), Stamps::check_intact)
    }

    /// Fails where a SQLite database has less than 4 MiB to grow; PostgreSQL looks after itself.
    pub(crate) fn check_disk_reserve(&self) -> Result<()> {
        match self.url.as_ref() {
            DatabaseUrl::Sqlite(path) => disk_reserve::check_file(path),
            DatabaseUrl::Postgres(_) => Ok(()),
        }
    }

    /// Runs `query` on a pooled connection, on a thread where blocking is allowed. Such connections refuse writes.
    /// `StoreUnavailable` after 5 s without an answer; the query may go on.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let late = |_| Error::StoreUnavailable("it does not answer".into());
        tokio::time::timeout(READ_TIMEOUT, self.read_unbounded(query)).await.map_err(late)?
    }

    async fn read_unbounded<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let store = self.clone();
        let work = move || {
            let _permit = permit;
            store.check_intact()?;
            let mut db = store.pool.get().map_err(|error| {
                store.outage.begin(&store.url, error);
                Error::StoreUnavailable(fault::UNREACHABLE.into())
            })?;
            query(&mut db)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::Internal("a read panicked".into())))
    }
}
