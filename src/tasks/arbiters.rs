//! [`Arbiters`]: the actix system of a runtime on a thread of its own, and the threads of its servers.

use std::{io, thread};

use actix::{Arbiter, ArbiterHandle, System};
use tokio::{runtime::Handle, sync::oneshot};

/// Most threads of servers: the kernel wakes one of few, and HTTP keeps its own.
const THREADS_MAX: usize = 8;

/// An actix system on a thread of its own, which no other system or tokio runtime of the program ends, and arbiters for
/// servers. They end once this is dropped.
pub(crate) struct Arbiters {
    system: System,
    handle: Handle,
    servers: Vec<ArbiterHandle>,
}

impl Arbiters {
    /// Starts the threads: one for the system, and one for servers for each four cores.
    pub(crate) async fn start() -> io::Result<Self> {
        let (started, starting) = oneshot::channel();
        let work = move || {
            let runner = System::new();
            let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let servers: Vec<_> = (0..(cores / 4).clamp(1, THREADS_MAX)).map(|_| Arbiter::new()).collect();
            let (system, handles) = (System::current(), servers.iter().map(Arbiter::handle).collect());
            let handle = runner.block_on(async { Handle::current() });
            // Without a receiver it is dropped, which ends the system.
            let _ = started.send(Self { system, handle, servers: handles });
            if let Err(cause) = runner.run() {
                log::error!(cause:%; "the actix system failed");
            }
        };
        thread::Builder::new().name("ostler".into()).spawn(work)?;
        starting.await.map_err(|_| io::Error::other("the thread of the actix system panicked"))
    }

    /// Handles of the servers' arbiters.
    pub(crate) fn servers(&self) -> Vec<ArbiterHandle> {
        self.servers.clone()
    }

    /// The tokio runtime of the system's thread.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `work`, which need not be `Send`, on the system's thread; `None` where that has ended, or `work` panicked.
    pub(crate) async fn run<T: Send + 'static, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Option<T>
    where
        F: Future<Output = T> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let task = move || async move {
            // The caller may be gone.
            let _ = answer.send(work().await);
        };
        self.system.arbiter().spawn_fn(move || drop(actix::spawn(task())));
        answered.await.ok()
    }

    /// [Runs](Arbiters::run) a question to another server; the error is for people.
    pub(crate) async fn ask<T: Send + 'static, F>(
        &self,
        question: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, String>> + 'static,
    {
        let answer = self.run(question).await;
        answer.unwrap_or_else(|| Err("it was not answered, as Ostler is stopping or failed".into()))
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        self.system.stop();
    }
}
