//! How the runtime itself is: ready or not, its figures, and when it begins to end.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, RwLock, Semaphore, watch};

use crate::{
    access::{Access, AuditLog},
    error::{Error, Result},
    runtime::Runtime,
};

/// More pieces of work under way than there can ever be.
const ALL: u32 = 1 << 20;

/// Whether new work is taken, and why not.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// All checks hold.
    pub ready: bool,
    /// Each check by name, with a reason that names no secret where it does not hold.
    pub checks: Vec<(&'static str, Result<(), String>)>,
}

/// The life of a runtime: taking work, draining, gone.
pub(super) struct Life {
    draining: watch::Sender<bool>,
    /// Each piece of work holds one permit; who holds all of them knows that none is under way.
    work: Arc<Semaphore>,
    first_admin: OnceLock<String>,
    /// Whether servers are stopped because another Ostler has the database, or had it a moment ago.
    pub standing_by: AtomicBool,
    /// Held by each change until memory has it, too, and alone while memory is compared with the database.
    pub changes: RwLock<()>,
    /// Set once the runtime has stopped.
    pub ended: OnceCell<()>,
}

impl Life {
    pub fn new() -> Self {
        let work = Arc::new(Semaphore::new(ALL.try_into().unwrap_or(Semaphore::MAX_PERMITS)));
        Self {
            draining: watch::Sender::new(false),
            work,
            first_admin: OnceLock::new(),
            standing_by: AtomicBool::new(false),
            changes: RwLock::default(),
            ended: OnceCell::new(),
        }
    }

    /// Begins a piece of work that a stop waits for; `NotReady` once it has begun.
    pub fn begin_work(&self) -> Result<OwnedSemaphorePermit> {
        let stopping = Error::NotReady("ostler is stopping; try another instance, or again later");
        if *self.draining.borrow() {
            return Err(stopping);
        }
        self.work.clone().try_acquire_owned().map_err(|_| stopping)
    }

    /// Takes no more work, and waits until what is under way has ended or `grace` has passed.
    pub async fn drain(&self, grace: Duration) {
        self.draining.send_replace(true);
        if tokio::time::timeout(grace, self.work.acquire_many(ALL)).await.is_err() {
            log::warn!(calls = u64::from(ALL).saturating_sub(self.free()); "calls under way were cut short");
        }
    }

    pub fn set_first_admin(&self, password: String) {
        // Only a start makes the account, and only once.
        let _ = self.first_admin.set(password);
    }

    pub fn first_admin(&self) -> Option<&str> {
        self.first_admin.get().map(String::as_str)
    }

    fn free(&self) -> u64 {
        self.work.available_permits().try_into().unwrap_or(u64::MAX)
    }
}

impl Runtime {
    /// Permissions, denials on record, rate limits of callers.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.inner.access
    }

    /// The audit log.
    #[must_use]
    pub fn audit_log(&self) -> &AuditLog {
        &self.inner.audit_log
    }

    /// Whether new work is taken: the database takes writes, the supervisor lives, nothing is ending.
    pub async fn readiness(&self) -> Readiness {
        let draining = *self.inner.life.draining.borrow();
        let database = if draining { Ok(()) } else { self.inner.recorder.ready().await };
        let checks = vec![
            ("accepting", if draining { Err("ostler is stopping".into()) } else { Ok(()) }),
            ("database", database.map_err(|error| error.to_string())),
            ("supervisor", self.supervisor_check()),
        ];
        Readiness { ready: checks.iter().all(|(_, check)| check.is_ok()), checks }
    }

    fn supervisor_check(&self) -> Result<(), String> {
        if self.is_standing_by() {
            return Err("servers are stopped, as another Ostler has the database or had it a moment ago".into());
        }
        if self.inner.supervision.is_alive() { Ok(()) } else { Err("it was lost".into()) }
    }

    /// Completes when the runtime begins to stop, or is gone, so that endless answers can end. Holds no runtime.
    pub fn draining(self) -> impl Future<Output = ()> + Send + 'static {
        let mut draining = self.inner.life.draining.subscribe();
        async move {
            // The sender is gone only where the runtime is.
            let _ = draining.wait_for(|draining| *draining).await;
        }
    }
}
