//! [`Lifecycle`]: from taking work to draining, and the order of changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, watch};

use crate::error::{Error, Result};

/// More pieces of work in progress than there can ever be.
const PERMITS: u32 = 1 << 20;

/// The life of a runtime: whether it takes work, and what it waits for before it ends.
pub(crate) struct Lifecycle {
    draining: watch::Sender<bool>,
    /// Each piece of work holds one permit; once all of them are free, none is in progress.
    work: Arc<Semaphore>,
    standing_by: AtomicBool,
    changes: RwLock<()>,
}

impl Lifecycle {
    /// One that takes work.
    pub(crate) fn new() -> Self {
        let work = Arc::new(Semaphore::new(PERMITS.try_into().unwrap_or(Semaphore::MAX_PERMITS)));
        Self {
            draining: watch::Sender::new(false),
            work,
            standing_by: AtomicBool::new(false),
            changes: RwLock::default(),
        }
    }

    /// Begins a piece of work that a stop waits for; `NotReady` once it has begun.
    pub(crate) fn begin_work(&self) -> Result<OwnedSemaphorePermit> {
        let stopping = Error::NotReady("ostler is stopping; try another instance, or again later");
        if self.is_draining() {
            return Err(stopping);
        }
        self.work.clone().try_acquire_owned().map_err(|_| stopping)
    }

    /// Takes no more work, and waits until all in progress has ended or `grace` has passed.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.draining.send_replace(true);
        if tokio::time::timeout(grace, self.work.acquire_many(PERMITS)).await.is_err() {
            let free = self.work.available_permits().try_into().unwrap_or(u64::MAX);
            log::warn!(calls = u64::from(PERMITS).saturating_sub(free); "calls in flight were cancelled");
        }
    }

    /// True when it takes no more work.
    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Completes once it takes no more work, or is gone; does not keep it.
    pub(crate) fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut draining = self.draining.subscribe();
        async move {
            // The sender is gone only where the runtime is.
            let _ = draining.wait_for(|draining| *draining).await;
        }
    }

    /// Begins a change of the database that memory follows; held until it has.
    pub(crate) async fn begin_change(&self) -> RwLockReadGuard<'_, ()> {
        self.changes.read().await
    }

    /// Keeps changes out while memory is compared with the database.
    pub(crate) async fn pause_changes(&self) -> RwLockWriteGuard<'_, ()> {
        self.changes.write().await
    }

    /// True when servers are stopped because another Ostler has the database, or had it a moment ago.
    pub(crate) fn is_standing_by(&self) -> bool {
        self.standing_by.load(Ordering::Relaxed)
    }

    /// Says whether servers are stopped for that; returns what held before.
    pub(crate) fn set_standing_by(&self, is_standing_by: bool) -> bool {
        self.standing_by.swap(is_standing_by, Ordering::Relaxed)
    }
}
