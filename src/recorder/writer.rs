//! The thread that owns the writing connection: gathers groups, commits them, mends the connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    error::{Error, Result},
    store::{Checkpointer, Connection, is_damage, is_read_only, is_silence},
};

use super::{
    chain::Chain,
    group::{Group, WriteMode, is_outage},
    health::Health,
    queue::QueuedItem,
    rehearsal::Rehearsal,
    rollups::Rollups,
    tenancy::Tenancy,
};

/// Items committed at once at most, so that no caller waits long for others.
const GROUP_ITEMS_MAX: usize = 1024;

/// The thread's state.
pub(super) struct Writer {
    tenancy: Tenancy,
    health: Arc<Health>,
    chain: Arc<Chain>,
    db: Option<Connection>,
    checkpointer: Option<Checkpointer>,
    rollups: Rollups,
    /// The damage that a commit met. Calls are refused from then on: a heartbeat on another page proves nothing.
    damage: Option<Error>,
    /// Present from a call that could not be recorded until a row like it was written, whatever else is written.
    rehearsal: Option<Rehearsal>,
}

impl Writer {
    /// Writes on a connection that is there. Blocks.
    pub(super) fn new((tenancy, db): (Tenancy, Connection), health: Arc<Health>, chain: Arc<Chain>) -> Result<Self> {
        let checkpointer = tenancy.store.checkpointer()?;
        tenancy.store.note_opened_files()?;
        Ok(Self {
            tenancy,
            health,
            chain,
            db: Some(db),
            checkpointer,
            rollups: Rollups::default(),
            damage: None,
            rehearsal: None,
        })
    }

    /// Serves until it is asked to stop, or until every handle is gone.
    pub(super) fn run(mut self, mut requests: UnboundedReceiver<QueuedItem>) {
        while let Some(first) = requests.blocking_recv() {
            let mut group = Group::default();
            let mut open = group.add(first);
            while open && group.len() < GROUP_ITEMS_MAX {
                let Ok(next) = requests.try_recv() else { break };
                open = group.add(next);
            }
            self.commit_or_survive(group);
            self.health.beat.notify_waiters();
            if !open {
                requests.close();
            }
        }
        self.checkpointer = None;
        if let Some(db) = &mut self.db {
            self.tenancy.store.fold_log(db);
        }
    }

    /// A panic costs its group an answer of failure (they see their senders dropped) and the connection, no more.
    fn commit_or_survive(&mut self, mut group: Group) {
        if catch_unwind(AssertUnwindSafe(|| self.commit(&mut group))).is_err() {
            log::error!("the recorder panicked; its connection is replaced");
            self.disconnect();
            let panicked = Error::Internal("the recorder panicked".into());
            if self.begin_rehearsal(&group, &Err(panicked.clone())) {
                self.note(Some(&panicked));
            }
        }
    }

    /// Commits a group and answers it, which is empty then.
    fn commit(&mut self, group: &mut Group) {
        if group.wants_connection_check() {
            self.check_connection();
        }
        let rehearsed = self.rehearse(group);
        if group.is_empty() {
            return std::mem::take(group).answer(Ok(()), Ok(()));
        }
        let store = &self.tenancy.store;
        // Looked at before changes, so that none is made in a file without a name, and after everything: what went into
        // such a file is lost, and what SQLite says of a file that was overwritten is not why.
        let before = if group.is_audited() { store.check_in_place() } else { store.check_intact() };
        let written = before.and_then(|()| self.write(group));
        let committed = self.tenancy.store.check_in_place().and(written);
        if rehearsed && committed.is_ok() {
            self.rehearsal = None;
        }
        if let (Ok(()), Some(checkpointer)) = (&committed, &mut self.checkpointer) {
            checkpointer.note_commit(group.pages());
        }
        if let Some(error) = committed.as_ref().err().filter(|error| is_damage(error)) {
            self.damage = Some(error.clone());
        }
        self.begin_rehearsal(group, &committed);
        let recordable = self.recordable();
        self.note(committed.as_ref().err().filter(|error| is_outage(error)).or(recordable.as_ref().err()));
        std::mem::take(group).answer(committed, recordable.map_err(refusal));
    }

    /// Begins a rehearsal where a call of the group could not be recorded; whether there was one.
    fn begin_rehearsal(&mut self, group: &Group, committed: &Result<()>) -> bool {
        let Some((call, why)) = group.unrecorded(committed) else { return false };
        self.rehearsal = Some(Rehearsal::of(call, why, self.rehearsal.take()));
        true
    }

    /// Ability to record another call, as far as is known without trying.
    fn recordable(&self) -> Result<()> {
        let known = self.damage.as_ref().or(self.rehearsal.as_ref().map(Rehearsal::reason));
        known.cloned().map_or_else(|| self.tenancy.store.check_disk_reserve(), Err)
    }

    /// For a caller that asks, tries to write a row like one that could not be recorded; true where that was possible.
    /// Otherwise they are answered at once, for a heartbeat would only keep them waiting.
    fn rehearse(&mut self, group: &mut Group) -> bool {
        let Some(rehearsal) = self.rehearsal.as_mut().filter(|_| group.has_probes()) else { return false };
        let db = connected(&mut self.tenancy, &mut self.db);
        let outcome = db.and_then(|db| rehearsal.run(db, &self.rollups));
        if let Err(reason) = &outcome {
            self.drop_if_lost(Some(reason));
            group.refuse_probes(&refusal(reason.clone()));
        }
        outcome.is_ok()
    }

    fn write(&mut self, group: &mut Group) -> Result<()> {
        let Err(error) = self.attempt(group, WriteMode::Together) else { return Ok(()) };
        let lost = self.drop_if_lost(Some(&error));
        if !lost && (is_outage(&error) || !group.can_be_repeated()) {
            return Err(error);
        }
        // Nothing was committed, or it was and the answer got lost: one by one, rows that are there are passed over.
        let Ok(db) = self.connection_in_time() else { return Err(error) };
        group.lose_jobs(db, &error);
        self.attempt(group, WriteMode::OneByOne).inspect_err(|error| {
            self.drop_if_lost(Some(error));
        })
    }

    fn attempt(&mut self, group: &mut Group, mode: WriteMode) -> Result<()> {
        let db = connected(&mut self.tenancy, &mut self.db)?;
        if group.is_audited() {
            self.chain.check(db)?;
        }
        // Jobs may change servers' rows, and of calls that are written one by one it is not kept how.
        if mode == WriteMode::OneByOne || !group.can_be_repeated() {
            self.rollups.held.clear();
        }
        group.write(db, mode, &self.rollups, self.chain.key())?;
        if group.is_audited() {
            self.chain.note(db);
        }
        group.take_pending().into_iter().for_each(|pending| self.rollups.keep(pending));
        Ok(())
    }

    /// The connection, a new one where it was lost.
    fn connection(&mut self) -> Result<&mut Connection> {
        connected(&mut self.tenancy, &mut self.db)
    }

    /// [`Writer::connection`], tried again while a host does not respond: it may go on where it stopped, or another
    /// may take over, and what has happened is to be recorded then.
    fn connection_in_time(&mut self) -> Result<&mut Connection> {
        while self.connection().is_err_and(|error| is_silence(&error)) {
            self.health.beat.notify_waiters();
            self.tenancy.forget_failure();
        }
        self.connection()
    }

    /// Gives the connection up where it is no longer good for anything, or for no writes, as that of a former leader.
    fn drop_if_lost(&mut self, why: Option<&Error>) -> bool {
        let lost =
            why.is_some_and(is_read_only) || self.db.as_mut().is_none_or(|db| db.is_broken() || db.ping().is_err());
        if lost {
            self.disconnect();
        }
        lost
    }

    /// Drops the connection, and what was summed on it: another Ostler may write to the same sums meanwhile.
    fn disconnect(&mut self) {
        self.db = None;
        self.rollups.forget();
    }

    /// Finds out whether there still is a connection and the database still ours, and makes another where not.
    fn check_connection(&mut self) {
        if self.drop_if_lost(None) || self.db.as_mut().is_some_and(|db| !self.tenancy.has_lock(db)) {
            self.disconnect();
            // The tenure says if that worked.
            let _ = self.connection();
        }
    }

    /// Publishes an outage, or its end, and logs it once.
    fn note(&self, outage: Option<&Error>) {
        let was = self.health.writable.swap(outage.is_none(), Ordering::Relaxed);
        match outage {
            Some(Error::Internal(reason)) if was => log::error!(reason:%; "calls are refused: they cannot be recorded"),
            Some(error) if was => log::error!(reason:% = error; "calls are refused: they cannot be recorded"),
            None if !was => log::info!("the database takes writes"),
            _ => {}
        }
    }
}

/// Answer to callers while calls cannot be recorded.
fn refusal(reason: Error) -> Error {
    if is_outage(&reason) {
        reason
    } else {
        Error::StoreUnavailable("it refuses records of calls; the log says why".into())
    }
}

fn connected<'a>(tenancy: &mut Tenancy, db: &'a mut Option<Connection>) -> Result<&'a mut Connection> {
    if db.is_none() {
        *db = Some(tenancy.connect()?);
    }
    db.as_mut().ok_or_else(|| Error::Internal("the recorder has no connection".into()))
}
