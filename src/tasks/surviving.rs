//! Tasks that survive the tokio runtime they were spawned on.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinHandle};

use crate::error::{Error, Result};

/// Time that a caller waits for a commit: a database that is silent for longer is taken to be unavailable.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Spawns `work` on the runtime of its caller, near to the data that it uses; on `home`, where that runtime ends before
/// the work has, or there is none.
///
/// A program that embeds Ostler ends its threads when it likes: a worker of its web server may be gone between a call
/// and the record of it.
pub(crate) fn spawn<T: Send + 'static>(home: &Handle, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let here = Handle::try_current().unwrap_or_else(|_| home.clone());
    here.spawn(Surviving::new(home, work))
}

/// Runs `work` to its end even if its caller is dropped, or has waited for longer than 10 s, which is
/// [`Error::StoreUnavailable`].
pub(crate) async fn run_to_completion<T: Send + 'static>(
    home: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    within_timeout(spawn(home, work)).await?.map_err(|_| Error::Internal("a change panicked".into()))?
}

/// [`run_to_completion`] as part of a task that survives itself, and costs no other.
pub(crate) async fn complete_in_task<T: Send + 'static>(
    home: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    within_timeout(Surviving::new(home, work)).await?
}

async fn within_timeout<T>(work: impl Future<Output = T>) -> Result<T> {
    let late = |_| Error::StoreUnavailable("it does not answer; what was asked of it may still be done".into());
    tokio::time::timeout(COMMIT_TIMEOUT, work).await.map_err(late)
}

/// Work that moves to `home` when its task is dropped. It is polled inside `home`, so that its timers are there from
/// the beginning: those of a runtime that has ended panic.
struct Surviving<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    home: Handle,
}

impl<F: Future<Output: Send> + Send + 'static> Surviving<F> {
    fn new(home: &Handle, work: F) -> Self {
        Self { work: Some(Box::pin(work)), home: home.clone() }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Surviving<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Out, so that work that panics is not spawned once more.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = {
            let _inside = self.home.enter();
            work.as_mut().poll(context)
        };
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Surviving<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.home.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn work_goes_on_where_its_runtime_ended_and_so_do_its_timers() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (home, host) = (runtime(), runtime());
        let (begun, has_begun) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let handle = home.handle().clone();
        host.block_on(async move {
            spawn(&handle, async move {
                let timer = tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>());
                begun.send(()).unwrap();
                done.send(timer.await.is_err()).unwrap();
            });
            has_begun.await.unwrap();
        });
        drop(host);
        assert_eq!(home.block_on(is_done), Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_after_its_caller_timed_out() {
        for in_task in [false, true] {
            let (answer, asked) = oneshot::channel::<()>();
            let (done, ended) = oneshot::channel();
            let work = async move {
                let answered = asked.await;
                done.send(answered.is_ok()).unwrap();
                Ok(())
            };
            let home = Handle::current();
            let given_up =
                if in_task { complete_in_task(&home, work).await } else { run_to_completion(&home, work).await };
            let Err(Error::StoreUnavailable(why)) = given_up else { panic!("it was not given up") };
            assert!(why.contains("may still be done"), "{why}");
            answer.send(()).unwrap();
            assert_eq!(ended.await, Ok(true));
        }
    }

    #[tokio::test]
    async fn work_that_panics_is_not_done_again() {
        let (count, mut counted) = tokio::sync::mpsc::unbounded_channel();
        let work = std::future::poll_fn(move |_| -> Poll<()> {
            count.send(()).unwrap();
            panic!("as it is meant to");
        });
        let ended = spawn(&Handle::current(), work).await;
        assert!(ended.unwrap_err().is_panic());
        assert_eq!((counted.recv().await, counted.recv().await), (Some(()), None));
    }
}
