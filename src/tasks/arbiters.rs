//! [`Arbiters`]: the threads of a runtime's servers, which also run what may not leave its thread.

use actix::{Arbiter, ArbiterHandle};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::tasks::blocking;

/// Most threads: the kernel wakes one of few, and HTTP keeps its own.
const THREADS_MAX: usize = 8;

/// Threads that run actors, until they are joined.
pub(crate) struct Arbiters(Mutex<Vec<Arbiter>>);

impl Arbiters {
    /// Starts a thread for each four cores.
    pub(crate) fn start() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Mutex::new((0..(cores / 4).clamp(1, THREADS_MAX)).map(|_| Arbiter::new()).collect()))
    }

    /// Handles of all threads; none once they were taken.
    pub(crate) fn handles(&self) -> Vec<ArbiterHandle> {
        self.0.lock().iter().map(Arbiter::handle).collect()
    }

    /// Runs `work`, which need not be `Send`, on one of the threads; the error is for people.
    pub(crate) async fn run<T: Send + 'static, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Result<T, String>
    where
        F: Future<Output = Result<T, String>> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let task = move || async move {
            // The caller may be gone.
            let _ = answer.send(work().await);
        };
        let is_spawned = {
            let arbiters = self.0.lock();
            arbiters.first().is_some_and(|arbiter| arbiter.spawn_fn(move || drop(actix::spawn(task()))))
        };
        if !is_spawned {
            return Err("ostler is stopping".into());
        }
        answered.await.unwrap_or_else(|_| Err("the question was lost".into()))
    }

    /// Takes the threads out, for the caller to end.
    pub(crate) fn take(&self) -> Vec<Arbiter> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Ends the threads.
    pub(crate) async fn join(&self) {
        let arbiters = self.take();
        let joined = blocking(move || {
            for arbiter in arbiters {
                arbiter.stop();
                let _ = arbiter.join();
            }
            Ok(())
        });
        if joined.await.is_err() {
            log::error!("a server thread could not be joined");
        }
    }
}
