//! The recorder: commits finished calls, audit entries and every other write, in groups, on a thread of its own.
//!
//! Each group is one transaction of all that is queued, and no caller is answered before it is committed. Nothing is
//! delayed to make a group larger: while one commits, the next gathers. The queue is bounded by `QUEUE_UNITS_MAX`; past
//! it, [`Recorder::ready`] refuses at once, so that no new call begins, while calls that have happened already wait
//! their turn to be recorded.
//!
//! [`Recorder::ready`] is asked before a call is dispatched: true where something was committed less than 20 ms ago,
//! otherwise a heartbeat row is written. So a read-only or locked database shows before the tool runs. After a call
//! that could not be recorded it holds only once a row like it was written and rolled back (`rehearsal`).

mod chain;
mod group;
mod health;
mod job;
mod queue;
mod rehearsal;
mod rollups;
mod tenancy;
mod writer;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    error::{Error, Result},
    model::{AuditEntry, ToolCall},
    store::{Connection, Occupied, Store},
    tasks::{blocking, surviving},
};

pub use chain::Chain;
use health::Health;
use job::Write;
use queue::{Ack, BYTES_PER_UNIT, QUEUE_UNITS_MAX, QueuedItem, RecorderItem};
use tenancy::Tenancy;
use writer::Writer;

pub use tenancy::Tenure;

/// Bytes that are written for each row that is removed, about: a page at most, however long it was.
const BYTES_PER_REMOVED_ROW: usize = 4096;

/// Timeout of [`Recorder::ready`] where the database does not answer.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of [`Recorder::stop`] for the last commit.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle on the recorder; cheap to clone. Dropping the last one commits what is queued and ends the thread.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::UnboundedSender<QueuedItem>,
    room: Arc<Semaphore>,
    health: Arc<Health>,
    chain: Arc<Chain>,
    tenure: watch::Receiver<Tenure>,
    /// Runtime on which work goes on whose own has ended.
    home: Handle,
    /// Completes at the thread's end, for the first caller of [`Recorder::stop`].
    end: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl Recorder {
    /// Starts the writer thread on a database that no other Ostler uses, and the chain of its audit log. Blocks for a
    /// moment. Called on the tokio runtime that is to outlive all callers.
    pub fn start(store: &Store, mut occupied: Occupied, chain: Chain) -> Result<Self> {
        let home = Handle::try_current().map_err(|_| Error::Internal("a recorder needs a tokio runtime".into()))?;
        let chain = Arc::new(chain);
        chain.open(&mut occupied.db)?;
        let (queue, requests) = mpsc::unbounded_channel();
        let (changed, tenure) = watch::channel(Tenure::default());
        let health = Arc::new(Health::new());
        let tenancy = Tenancy::new(store.clone(), occupied, Arc::clone(&chain), changed)?;
        let writer = Writer::new(tenancy, Arc::clone(&health), Arc::clone(&chain))?;
        let (done, end) = oneshot::channel();
        let work = move || {
            writer.run(requests);
            // No receiver is left where every handle was dropped.
            let _ = done.send(());
        };
        std::thread::Builder::new()
            .name("recorder".into())
            .spawn(work)
            .map_err(|error| Error::Internal(format!("no thread for the recorder: {error}")))?;
        let room = Arc::new(Semaphore::new(units(QUEUE_UNITS_MAX)));
        Ok(Self { queue, room, health, tenure, chain, home, end: Arc::new(Mutex::new(Some(end))) })
    }

    /// `Ok` where the database took a write a moment ago; otherwise tries one now, waiting at most 5 s. After a call
    /// that could not be recorded, that is a row like it.
    /// [`Error::Busy`] at once where the queue is full.
    pub async fn ready(&self) -> Result<()> {
        let full = |_| Error::Busy("more calls are waiting to be recorded than fit");
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(full)?;
        if self.queue.is_closed() {
            return Err(ended());
        }
        if self.health.is_fresh() {
            return Ok(());
        }
        let (ack, answer) = oneshot::channel();
        self.send(QueuedItem { item: RecorderItem::Probe(ack), permit: Some(permit) })?;
        let late = || Error::StoreUnavailable("it does not answer".into());
        let answer = tokio::time::timeout(READY_TIMEOUT, self.answer(answer)).await;
        answer.unwrap_or_else(|_| Err(late()))
    }

    /// Has the connection looked after, for a database that nothing is written to; returns once that is done.
    pub async fn check_connection(&self) {
        let (ack, answer) = oneshot::channel();
        if self.send(QueuedItem { item: RecorderItem::CheckConnection(ack), permit: None }).is_ok() {
            // Dropped where the recorder panics: then there is another connection.
            let _ = answer.await;
        }
    }

    /// Completes once the thread shows that it goes on, whether the database does or not.
    pub async fn shows_life(&self) {
        if self.queue.is_closed() {
            return std::future::pending().await;
        }
        tokio::select! {
            () = self.health.beat.notified() => {}
            // Gives it something to do.
            () = self.check_connection() => {}
        }
    }

    /// Tenure of the database, and changes of it.
    #[must_use]
    pub fn tenure(&self) -> watch::Receiver<Tenure> {
        self.tenure.clone()
    }

    /// Records a finished call; returns once it is committed. A call that is recorded already stays as it is.
    /// Waits as long as the database takes, as all that follow do.
    pub async fn call(&self, call: ToolCall) -> Result<()> {
        self.submit(call.bytes(), |ack| RecorderItem::Call(call, ack)).await
    }

    /// Records an audit entry; returns once it is committed.
    pub async fn audit(&self, entry: AuditEntry) -> Result<()> {
        self.submit(0, |ack| RecorderItem::Audit(entry, ack)).await
    }

    /// Runs `work` and records `entry` in one transaction; returns once it is committed. Neither happens on `Err`,
    /// nor where `work` panics, which is [`Error::Internal`]. `work` runs on the recorder's thread: keep it short.
    pub async fn write<T: Send + 'static>(
        &self,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_bytes(0, entry, work).await
    }

    /// [`Recorder::write`] of work that writes about so many bytes, so that SQLite's log does not grow unseen.
    async fn write_bytes<T: Send + 'static>(
        &self,
        bytes: usize,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(bytes, RecorderItem::Write(Box::new(Write::new(work, entry, reply)))).await?;
        self.answer(answer).await
    }

    /// Spawns work that ends in a record, and is to go on where its caller's thread or tokio runtime ends.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        surviving::spawn(&self.home, work)
    }

    /// Runs `work` to its end even if its caller is dropped, or has waited for longer than 10 s, which is
    /// [`Error::StoreUnavailable`].
    pub async fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        surviving::run_to_completion(&self.home, work).await
    }

    /// [`Recorder::run_to_completion`] as part of work that was [spawned](Recorder::spawn).
    pub async fn complete_in_task<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        surviving::complete_in_task(&self.home, work).await
    }

    /// [`Recorder::write`] that goes on even if its caller is dropped; [`Error::StoreUnavailable`] after 10 s.
    pub async fn commit<T: Send + 'static>(
        &self,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let recorder = self.clone();
        self.run_to_completion(async move { recorder.write(entry, work).await }).await
    }

    /// [`Recorder::audit`] that goes on even if its caller is dropped; [`Error::StoreUnavailable`] after 10 s.
    pub async fn commit_entry(&self, entry: AuditEntry) -> Result<()> {
        let recorder = self.clone();
        self.run_to_completion(async move { recorder.audit(entry).await }).await
    }

    /// Removes or counts about `rows` rows beside the recording, unless the disk of `store` is nearly full: removed
    /// rows free space inside the database file alone.
    pub async fn maintain<T: Send + 'static>(
        &self,
        store: &Store,
        rows: usize,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = store.clone();
        blocking(move || store.check_disk_reserve()).await?;
        self.write_bytes(rows.saturating_mul(BYTES_PER_REMOVED_ROW), None, work).await
    }

    /// The chain of the audit log.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Commits what is queued and ends the thread. Later writes are refused.
    /// Writes that a database which does not answer has not taken after 10 s may be lost.
    pub async fn stop(&self) {
        // Refused only where the thread has ended already.
        let _ = self.send(QueuedItem { item: RecorderItem::Stop, permit: None });
        let end = self.end.lock().take();
        let Some(end) = end else { return };
        match tokio::time::timeout(STOP_TIMEOUT, end).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => log::error!("the recorder's thread had panicked"),
            Err(_) => log::error!("the database does not answer; what was to be recorded last may be lost"),
        }
    }

    async fn submit(&self, bytes: usize, item: impl FnOnce(Ack) -> RecorderItem) -> Result<()> {
        let (ack, answer) = oneshot::channel();
        self.enqueue(bytes, item(ack)).await?;
        self.answer(answer).await
    }

    async fn enqueue(&self, bytes: usize, item: RecorderItem) -> Result<()> {
        let units =
            u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(QUEUE_UNITS_MAX).saturating_add(1).min(QUEUE_UNITS_MAX);
        let permit = Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| ended())?;
        self.send(QueuedItem { item, permit: Some(permit) })
    }

    fn send(&self, request: QueuedItem) -> Result<()> {
        self.queue.send(request).map_err(|_| ended())
    }

    async fn answer<T>(&self, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let outcome = answer.await.unwrap_or_else(|_| Err(ended()));
        if outcome.is_ok() {
            self.health.note_commit();
        }
        outcome
    }
}

fn ended() -> Error {
    Error::StoreUnavailable("the recorder has ended".into())
}

fn units(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
