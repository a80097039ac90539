//! The thread that keeps PostgreSQL's lock: an advisory one, which ends with its connection and is then taken again.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};

use diesel::{RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Bool};

use crate::{
    error::{Error, Result},
    store::{Connection, DatabaseUrl, connection::Access, fault::UNREACHABLE},
};

/// How often it is asked whether the connection lives, or tried to get another.
const INTERVAL: Duration = Duration::from_secs(5);

/// So that the server notices within half a minute where our machine is gone; without effect on a local socket.
const KEEPALIVES: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";

/// Waits for the lock as long as the connection's `lock_timeout` says, 2 s: a server may take a moment to notice that
/// the program that held it has ended. The number is "ostlers" in ASCII; "ostler" alone locks migrations.
const WAIT: &str = "SELECT pg_advisory_lock(31370666286871155)";

/// Whether it can be had at once: tells a wait that was too long from any other failure.
const TRY: &str = "pg_try_advisory_lock(31370666286871155)";

/// Holds the lock until it is dropped.
pub(super) struct Keeper {
    /// The thread ends when this does.
    _stop: SyncSender<()>,
}

/// What is known about the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Ours,
    Lost,
    Taken,
}

impl Keeper {
    /// Takes the lock, and keeps it on a thread of its own.
    pub(super) fn start(url: DatabaseUrl) -> Result<Self> {
        let db = lock(&url)?.ok_or_else(|| super::taken(&url))?;
        let (stop, stopped) = sync_channel(0);
        std::thread::Builder::new()
            .name("occupancy".into())
            .spawn(move || keep(&url, db, &stopped))
            .map_err(|error| Error::Internal(format!("no thread to keep the database: {error}")))?;
        Ok(Self { _stop: stop })
    }
}

/// A connection that holds the lock; `None` where another one does.
fn lock(url: &DatabaseUrl) -> Result<Option<Connection>> {
    let unreachable = |_| Error::StoreUnavailable(UNREACHABLE.into());
    let mut db = Connection::open(url, Access::Write).map_err(unreachable)?;
    let Connection::Postgres(conn) = &mut db else { return Ok(Some(db)) };
    conn.batch_execute(KEEPALIVES)?;
    let held = match conn.batch_execute(WAIT) {
        Ok(()) => true,
        Err(_) => diesel::select(sql::<Bool>(TRY)).get_result(conn)?,
    };
    Ok(held.then_some(db))
}

fn keep(url: &DatabaseUrl, db: Connection, stopped: &Receiver<()>) {
    let mut held = Some(db);
    let mut hold = Hold::Ours;
    while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if held.as_mut().is_some_and(|db| db.ping().is_ok()) {
            continue;
        }
        if hold == Hold::Ours {
            hold = Hold::Lost;
            log::warn!(database:% = url; "the lock on the database was lost with its connection; it is taken again");
        }
        // The old connection must be gone, or its lock may be in the way.
        held = None;
        match lock(url) {
            Ok(Some(db)) => {
                held = Some(db);
                hold = Hold::Ours;
                log::info!(database:% = url; "the lock on the database is held again");
            }
            Ok(None) if hold != Hold::Taken => {
                hold = Hold::Taken;
                log::error!(database:% = url; "another Ostler uses the database and starts the same servers; stop one");
            }
            Ok(None) | Err(_) => {}
        }
    }
}
