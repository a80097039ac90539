//! Work off a request's own task: blocking work, and work that outlives its caller.

pub(crate) mod arbiters;
pub(crate) mod lifecycle;
pub(crate) mod surviving;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::error::{Error, Result};

/// Runs blocking work off the threads of actors and HTTP workers.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("blocking work panicked".into()))?
}

/// Does `work` now and after each `pause`, until its owner is dropped.
pub(crate) async fn every<T, F: Future<Output = ()>>(pause: Duration, owner: Weak<T>, work: impl Fn(Arc<T>) -> F) {
    while let Some(owner) = owner.upgrade() {
        work(owner).await;
        tokio::time::sleep(pause).await;
    }
}
