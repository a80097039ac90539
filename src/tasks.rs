//! Work off a request's own task: blocking work, and work that outlives its caller.

pub(crate) mod arbiters;
pub(crate) mod lifecycle;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::error::{Error, Result};

/// Time that a caller waits for a commit: a database that is silent for longer is taken to be unavailable.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs blocking work off the threads of actors and HTTP workers.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("blocking work panicked".into()))?
}

/// Runs `work` to its end even if its caller is dropped, or has waited for longer than 10 s, which is
/// [`Error::StoreUnavailable`].
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = tokio::time::timeout(COMMIT_TIMEOUT, tokio::spawn(work)).await;
    let late = |_| Error::StoreUnavailable("it does not answer; what was asked of it may still be done".into());
    done.map_err(late)?.map_err(|_| Error::Internal("a change panicked".into()))?
}

/// Does `work` now and after each `pause`, until its owner is dropped.
pub(crate) async fn every<T, F: Future<Output = ()>>(pause: Duration, owner: Weak<T>, work: impl Fn(Arc<T>) -> F) {
    while let Some(owner) = owner.upgrade() {
        work(owner).await;
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_after_its_caller_timed_out() {
        let (answer, asked) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let work = async move {
            let answered = asked.await;
            done.send(answered.is_ok()).unwrap();
            Ok(())
        };
        let Err(Error::StoreUnavailable(why)) = run_to_completion(work).await else { panic!("it was not given up") };
        assert!(why.contains("may still be done"), "{why}");
        answer.send(()).unwrap();
        assert_eq!(ended.await, Ok(true));
    }
}
