//! [`Tenancy`]: makes the writing connections of the one Ostler at a database, and notices what changed in between.
//!
//! Findings of a new connection go out on a `watch` channel: another Ostler has the database, or the head of the audit
//! chain is not the one committed last. Every change has an entry there, so no number of its own is needed.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    error::{Error, Result},
    store::{Connection, Occupancy, Occupied, Store, audit_chain, is_taken},
};

use super::chain::Chain;

/// After an attempt to connect that failed, groups fail at once for this long.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Ownership of the database, and the state it was found in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tenure {
    /// Another Ostler has it.
    pub is_lost: bool,
    /// Times that another Ostler had it, whose servers may not have ended yet.
    pub successions: u32,
    /// Times that its audit log, and so whatever goes with that, was not as this Ostler had left it.
    pub divergences: u32,
}

/// Connector to the database, with the lock on it.
pub(super) struct Tenancy {
    pub(super) store: Store,
    occupancy: Occupancy,
    tenure: watch::Sender<Tenure>,
    /// Each change has a link in it.
    chain: Arc<Chain>,
    failure: Option<(Instant, Error)>,
}

impl Tenancy {
    /// Takes a database over, and the connection to it.
    pub(super) fn new(
        store: Store,
        occupied: Occupied,
        chain: Arc<Chain>,
        tenure: watch::Sender<Tenure>,
    ) -> Result<(Self, Connection)> {
        let Occupied { db, occupancy } = occupied;
        let mut tenancy = Self { store, occupancy, tenure, chain, failure: None };
        let db = tenancy.arrive(db)?;
        Ok((tenancy, db))
    }

    /// Another connection.
    pub(super) fn connect(&mut self) -> Result<Connection> {
        if let Some((_, error)) = self.failure.as_ref().filter(|(at, _)| at.elapsed() < RECONNECT_PAUSE) {
            return Err(error.clone());
        }
        let connected = self.store.occupying_writer(&mut self.occupancy).and_then(|db| self.arrive(db));
        self.failure = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
        if connected.as_ref().is_err_and(is_taken) {
            self.note(|tenure| tenure.is_lost = true);
        }
        connected
    }

    /// Has the next attempt to connect be made at once.
    pub(super) fn forget_failure(&mut self) {
        self.failure = None;
    }

    /// True where this Ostler still has the database, which the connection alone does not tell.
    pub(super) fn has_lock(&mut self, db: &mut Connection) -> bool {
        self.occupancy.confirm(db).is_ok()
    }

    fn arrive(&mut self, mut db: Connection) -> Result<Connection> {
        let is_succession = self.occupancy.claim(&mut db)?;
        self.note(|tenure| {
            tenure.is_lost = false;
            tenure.successions += u32::from(is_succession);
        });
        let head = audit_chain::head(&mut db)?;
        let is_divergence = self.chain.newest().is_some_and(|known| known != head);
        self.note(|tenure| tenure.divergences += u32::from(is_divergence));
        Ok(db)
    }

    fn note(&self, change: impl FnOnce(&mut Tenure)) {
        self.tenure.send_if_modified(|tenure| {
            let before = *tenure;
            change(tenure);
            *tenure != before
        });
    }
}
