//! A caller's write in the recorder's transaction: run once, in a savepoint, answered after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    model::AuditEntry,
    policy::audit_chain::ChainKey,
    store::{Connection, audit},
};

/// A [`Write`] whose result type is forgotten.
pub(super) trait Job: Send {
    /// Runs it in a savepoint, unless it ran before. `Err` only where the whole group's transaction is lost;
    /// a failure of its own it keeps for [`Job::answer`].
    fn run(&mut self, db: &mut Connection, key: &ChainKey) -> Result<()>;

    /// The transaction it ran in ended badly. Keeps its result only where its audit entry proves that it was
    /// committed nevertheless; it cannot run again.
    fn lose(&mut self, db: &mut Connection, why: &Error);

    /// Answers, after the commit, or with why there was none.
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// Work that runs once, and what became of it.
pub(super) struct Write<T, F> {
    work: Option<F>,
    entry: Option<AuditEntry>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(work: F, entry: Option<AuditEntry>, reply: oneshot::Sender<Result<T>>) -> Self {
        Self { work: Some(work), entry, outcome: None, reply }
    }
}

impl<T: Send, F: FnOnce(&mut Connection) -> Result<T> + Send> Job for Write<T, F> {
    fn run(&mut self, db: &mut Connection, key: &ChainKey) -> Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let entry = self.entry.as_ref();
        let attempt = AssertUnwindSafe(|| {
            db.attempt(|db| {
                let value = work(db)?;
                entry.map_or(Ok(()), |entry| audit::insert(db, key, std::slice::from_ref(entry)))?;
                Ok(value)
            })
        });
        let (outcome, group) = match catch_unwind(attempt) {
            Ok(Ok(outcome)) => (outcome, Ok(())),
            Ok(Err(lost)) => (Err(lost.clone()), Err(lost)),
            Err(_) => (Err(Error::Internal("a write panicked".into())), Ok(())),
        };
        self.outcome = Some(outcome);
        group
    }

    fn lose(&mut self, db: &mut Connection, why: &Error) {
        if !matches!(self.outcome, Some(Ok(_))) {
            return;
        }
        let proof = self.entry.as_ref().map(|entry| audit::contains(db, entry.id));
        if !matches!(proof, Some(Ok(true))) {
            self.outcome = Some(Err(why.clone()));
        }
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(group)) => Err(group),
            (Some(outcome), Ok(())) => outcome,
            (None, Ok(())) => Err(Error::Internal("a write was not run".into())),
        };
        // The receiver is gone where the caller went away.
        let _ = self.reply.send(outcome);
    }
}
