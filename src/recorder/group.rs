//! A group of queued writes, and its one transaction.
//!
//! A bad row among many is found by writing them one by one; so is a group whose connection was lost, where rows that
//! are there are passed over. A job runs once, in a savepoint, with its audit entry. A commit is made even if no caller
//! waits for it any more.

use std::collections::BTreeMap;

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    error::{Error, Result},
    model::{AuditEntry, ServerId, ToolCall},
    policy::audit_chain::ChainKey,
    store::{
        Connection, audit,
        call_bytes::{HeldSums, Sums},
        calls,
        servers::{self, Tally},
    },
};

use super::{
    job::Job,
    queue::{Ack, BYTES_PER_UNIT, QueuedItem, RecorderItem},
    rollups::{PendingCounts, Rollups},
};

/// Page of SQLite, which it reads and writes at once.
const PAGE_BYTES: usize = 4096;

/// Rows of one table, and beside each who waits for it and whether it was refused.
struct Rows<T> {
    rows: Vec<T>,
    waiters: Vec<Ack>,
    refused: Vec<Option<Error>>,
}

/// Way to write rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteMode {
    /// A statement for many; one bad row spoils all.
    Together,
    /// A savepoint for each; a bad row is refused alone, one that is there already is passed over.
    OneByOne,
}

/// Items that are committed together.
#[derive(Default)]
pub(super) struct Group {
    jobs: Vec<Box<dyn Job>>,
    calls: Rows<ToolCall>,
    entries: Rows<AuditEntry>,
    probes: Vec<Ack>,
    connection_checks: Vec<Ack>,
    permits: Vec<OwnedSemaphorePermit>,
    size: usize,
    /// Counts to add once the transaction is committed.
    pending: Option<PendingCounts>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.size
    }

    /// About how many pages of a database its rows take; one at least for each.
    pub(super) fn pages(&self) -> usize {
        let bytes =
            |permit: &OwnedSemaphorePermit| permit.num_permits().saturating_sub(1).saturating_mul(BYTES_PER_UNIT);
        self.permits.iter().map(|permit| bytes(permit) / PAGE_BYTES + 1).sum()
    }

    /// Takes an item in; false for [`RecorderItem::Stop`].
    pub(super) fn add(&mut self, request: QueuedItem) -> bool {
        self.size += 1;
        self.permits.extend(request.permit);
        match request.item {
            RecorderItem::Call(call, ack) => self.calls.push(call, ack),
            RecorderItem::Audit(entry, ack) => self.entries.push(entry, ack),
            RecorderItem::Write(job) => self.jobs.push(job),
            RecorderItem::Probe(ack) => self.probes.push(ack),
            RecorderItem::CheckConnection(ack) => self.connection_checks.push(ack),
            RecorderItem::Stop => return false,
        }
        true
    }

    /// True where one bad row among many can be found by writing them again, one by one, in a new transaction.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Takes what is to be counted, after the commit.
    pub(super) fn take_pending(&mut self) -> Option<PendingCounts> {
        self.pending.take()
    }

    /// Writes everything in one transaction. `Err`: nothing was written, as far as is known.
    pub(super) fn write(
        &mut self,
        db: &mut Connection,
        mode: WriteMode,
        rollups: &Rollups,
        key: &ChainKey,
    ) -> Result<()> {
        db.transaction(|db| {
            for job in &mut self.jobs {
                job.run(db, key)?;
            }
            if !self.probes.is_empty() {
                db.beat()?;
            }
            match mode {
                WriteMode::OneByOne => self.write_one_by_one(db, rollups, key),
                WriteMode::Together if self.jobs.is_empty() => self.write_together(db, rollups, key),
                // Jobs cannot be run twice, so what follows them must not end their transaction.
                WriteMode::Together => match db.transaction(|db| self.write_together(db, rollups, key)) {
                    Err(error) if !is_outage(&error) => self.write_one_by_one(db, rollups, key),
                    other => other,
                },
            }
        })
    }

    fn write_together(&mut self, db: &mut Connection, rollups: &Rollups, key: &ChainKey) -> Result<()> {
        if !self.calls.rows.is_empty() {
            self.pending = Some(write_calls(db, &self.calls.rows, rollups)?);
        }
        audit::insert(db, key, &self.entries.rows)
    }

    fn write_one_by_one(&mut self, db: &mut Connection, rollups: &Rollups, key: &ChainKey) -> Result<()> {
        let mut new = Vec::new();
        self.calls.write_each(db, |db, call| {
            let is_new = calls::insert_new(db, call)?;
            if is_new {
                servers::add_tallies(db, &tallies(std::slice::from_ref(call)), &HeldSums::new())?;
            }
            new.push(is_new);
            Ok(())
        })?;
        self.count(db, rollups, &new)?;
        self.entries.write_each(db, |db, entry| audit::insert_new(db, key, entry))
    }

    /// Counts the calls that are new. They stay on record where that fails. `Err` only for an outage.
    fn count(&mut self, db: &mut Connection, rollups: &Rollups, new: &[bool]) -> Result<()> {
        let calls = self.calls.rows.iter().zip(new).filter(|(_, is_new)| **is_new).map(|(call, _)| call);
        self.pending = match db.transaction(|db| rollups.write(db, calls)) {
            Err(error) if is_outage(&error) => return Err(error),
            Err(cause) => {
                log::error!(cause:%; "calls could not be counted");
                None
            }
            Ok(pending) => Some(pending),
        };
        Ok(())
    }

    /// Informs jobs that ran in a transaction that ended badly.
    pub(super) fn lose_jobs(&mut self, db: &mut Connection, why: &Error) {
        for job in &mut self.jobs {
            job.lose(db, why);
        }
    }

    /// True where a check of the connection was asked for.
    pub(super) fn wants_connection_check(&self) -> bool {
        !self.connection_checks.is_empty()
    }

    /// True where there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_probes() && !self.is_audited() && self.calls.rows.is_empty()
    }

    /// True where it may add to the audit log.
    pub(super) fn is_audited(&self) -> bool {
        !self.jobs.is_empty() || !self.entries.rows.is_empty()
    }

    /// True where a caller asks if a call could be recorded.
    pub(super) fn has_probes(&self) -> bool {
        !self.probes.is_empty()
    }

    /// Answers those who ask, and they leave the group.
    pub(super) fn refuse_probes(&mut self, reason: &Error) {
        for ack in self.probes.drain(..) {
            let _ = ack.send(Err(reason.clone()));
        }
    }

    /// The largest call that could not be recorded, and why.
    pub(super) fn unrecorded(&self, committed: &Result<()>) -> Option<(&ToolCall, Error)> {
        let refused = self.calls.refused.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let rows = self.calls.rows.iter().zip(refused);
        let failed = rows.filter_map(|(call, refused)| Some((call, committed.as_ref().err().or(refused)?)));
        failed.max_by_key(|(call, _)| call.bytes()).map(|(call, why)| (call, why.clone()))
    }

    /// Answers everybody; probes learn too whether another call could be recorded.
    pub(super) fn answer(self, committed: Result<()>, recordable: Result<()>) {
        for job in self.jobs {
            job.answer(committed.clone());
        }
        self.calls.answer(&committed);
        self.entries.answer(&committed);
        // Receivers are gone where callers went away.
        for ack in self.probes {
            let _ = ack.send(committed.clone().and(recordable.clone()));
        }
        for ack in self.connection_checks {
            let _ = ack.send(Ok(()));
        }
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), waiters: Vec::new(), refused: Vec::new() }
    }
}

impl<T> Rows<T> {
    fn push(&mut self, row: T, waiter: Ack) {
        self.rows.push(row);
        self.waiters.push(waiter);
    }

    /// Writes each row in a savepoint of its own and notes which were refused. `Err` only for an outage.
    fn write_each(
        &mut self,
        db: &mut Connection,
        mut write: impl FnMut(&mut Connection, &T) -> Result<()>,
    ) -> Result<()> {
        self.refused.clear();
        for row in &self.rows {
            match db.transaction(|db| write(db, row)) {
                Err(error) if is_outage(&error) => return Err(error),
                written => self.refused.push(written.err()),
            }
        }
        Ok(())
    }

    fn answer(self, committed: &Result<()>) {
        let refused = self.refused.into_iter().chain(std::iter::repeat(None));
        for (waiter, refused) in self.waiters.into_iter().zip(refused) {
            let own = refused.map_or(Ok(()), Err);
            let _ = waiter.send(committed.clone().and(own));
        }
    }
}

/// True where the database, not the row, is at fault.
pub(super) fn is_outage(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(_))
}

/// Writes calls and counts them.
pub(super) fn write_calls(db: &mut Connection, rows: &[ToolCall], rollups: &Rollups) -> Result<PendingCounts> {
    calls::insert(db, rows)?;
    let held = servers::add_tallies(db, &tallies(rows), &rollups.held)?;
    let mut pending = rollups.write(db, rows)?;
    pending.held = held;
    Ok(pending)
}

/// Calls counted by server; in the order of ids, so that two programs never wait for each other crosswise.
fn tallies(calls: &[ToolCall]) -> Vec<Tally> {
    let mut by_server = BTreeMap::<ServerId, Tally>::new();
    for call in calls {
        let took = std::time::Duration::from_millis(u64::try_from(call.execution_time).unwrap_or(0));
        let ended = call.created_at.plus(took);
        let tally = by_server.entry(call.server_id).or_insert(Tally {
            server_id: call.server_id,
            calls: 0,
            errors: 0,
            execution_time: 0,
            last_used_at: ended,
            bytes: Sums::new(),
        });
        tally.calls += 1;
        tally.errors += i64::from(!call.success);
        tally.execution_time = tally.execution_time.saturating_add(call.execution_time);
        tally.last_used_at = tally.last_used_at.max(ended);
        let bytes = i64::try_from(call.bytes()).unwrap_or(i64::MAX);
        *tally.bytes.entry((call.id.hour(), call.user_id)).or_default() += bytes;
    }
    by_server.into_values().collect()
}
