//! Removal of calls that are too old or too many, a few at a time beside what is recorded.
//!
//! What may go is looked for here, and only its removal goes through the recorder, in transactions so short that no call waits
//! for them. The database counts bytes by hour, account and server, so that no calls need be read to know who has too many.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    error::Result,
    model::Timestamp,
    policy::retention::{Retention, excess},
    runtime::{Inner, Runtime},
    store::{
        Connection,
        call_bytes::{self, Backlog, Bucket},
        calls::{self, Old},
    },
};

/// How often it is looked whether calls have become too old.
const INTERVAL: Duration = Duration::from_secs(60);

/// Calls removed in one transaction, …
const CALLS_A_BATCH: i64 = 500;

/// … unless they have more bytes than this.
const BYTES_A_BATCH: i64 = 8 << 20;

/// Calls of earlier versions that are counted at once.
const COUNTED_A_BATCH: i64 = 1000;

/// What was recorded since it was last looked whether that is too much.
pub(super) struct Growth {
    bytes: AtomicUsize,
    /// So many bytes are worth a look at once.
    step: usize,
    stepped: Notify,
}

impl Growth {
    pub(super) fn new(retention: &Retention) -> Self {
        let smaller = retention.calls_bytes.min(retention.calls_bytes_per_user);
        let step = usize::try_from(smaller / 32).unwrap_or(usize::MAX);
        Self { bytes: AtomicUsize::new(0), step, stepped: Notify::new() }
    }

    /// Notes that so many bytes were recorded.
    pub(super) fn note(&self, bytes: usize) {
        if self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) >= self.step {
            self.bytes.store(0, Ordering::Relaxed);
            self.stepped.notify_one();
        }
    }
}

/// Removes what is too much whenever there may be some, for as long as the runtime lives.
pub(super) async fn keep(runtime: Weak<Inner>) {
    let Some(growth) = runtime.upgrade().map(|inner| Arc::clone(&inner.growth)) else { return };
    let mut last = None;
    loop {
        let pause = {
            let Some(inner) = runtime.upgrade() else { return };
            let runtime = Runtime { inner };
            let Ok(_work) = runtime.inner.lifecycle.begin_work() else { return };
            let began = Instant::now();
            match runtime.remove_some_calls(&mut last).await {
                // As long again belongs to calls alone.
                Ok(Progress::More) => began.elapsed(),
                Ok(Progress::Done) => INTERVAL,
                Err(cause) => {
                    log::warn!(cause:%; "old calls could not be removed; it is tried again in a minute");
                    INTERVAL
                }
            }
        };
        let _: Result<(), tokio::time::error::Elapsed> = tokio::time::timeout(pause, growth.stepped.notified()).await;
    }
}

/// Whether there may be more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

/// A bucket whose oldest calls may go, and up to how many bytes of them.
struct Excess {
    bucket: Bucket,
    /// What the bucket counts for.
    counted: i64,
    bytes: i64,
}

impl Runtime {
    /// Counts what earlier versions recorded; once that is done, removes some calls if there are too many. `last` is the
    /// call that was removed last, after which its bucket is gone on with.
    async fn remove_some_calls(&self, last: &mut Option<(Bucket, String)>) -> Result<Progress> {
        let store = &self.inner.store;
        if let Some(backlog) = store.read(call_bytes::backlog).await? {
            self.count(backlog).await?;
            return Ok(Progress::More);
        }
        if store.read(call_bytes::is_any_held).await? {
            self.inner.recorder.maintain(store, 0, call_bytes::flush).await?;
        }
        let retention = self.inner.settings.retention;
        let found = store.read(move |db| find(db, &retention)).await?;
        let Some(Excess { bucket, counted, bytes }) = found else { return Ok(Progress::Done) };
        let after = last.take().filter(|(of, _)| *of == bucket).map(|(_, id)| id);
        let (of, from) = (bucket.clone(), after.clone());
        let mut old = store.read(move |db| calls::oldest(db, &of, from.as_deref(), CALLS_A_BATCH)).await?;
        if old.is_empty() && after.is_some() {
            // Some may have been recorded late, with an earlier id.
            return Ok(Progress::More);
        }
        cut(&mut old, bytes.min(BYTES_A_BATCH));
        let rows = old.len();
        *last = old.last().map(|call| (bucket.clone(), call.id.clone()));
        // Where there are none, what is counted is wrong.
        let removed = if old.is_empty() { counted } else { old.iter().map(|call| call.bytes).sum() };
        let remove = move |db: &mut Connection| {
            // One that was recorded meanwhile, with an earlier id, may be among them.
            call_bytes::flush(db)?;
            calls::delete(db, &bucket, &old)?;
            call_bytes::subtract(db, &bucket, removed)
        };
        self.inner.recorder.maintain(store, rows, remove).await?;
        Ok(Progress::More)
    }

    /// Counts some of the calls that earlier versions recorded.
    async fn count(&self, Backlog { server_id, before }: Backlog) -> Result<()> {
        let of = server_id.clone();
        let found = self.inner.store.read(move |db| calls::before(db, &of, &before, COUNTED_A_BATCH)).await?;
        let count = move |db: &mut Connection| {
            call_bytes::add_old(db, &server_id, &found)?;
            call_bytes::set_backlog(db, &server_id, found.last().map(|(call, _)| call.id.as_str()))
        };
        self.inner.recorder.maintain(&self.inner.store, 0, count).await
    }
}

/// The bucket whose calls go next: the oldest of all where it is too old, else the oldest of who has too much.
fn find(db: &mut Connection, retention: &Retention) -> Result<Option<Excess>> {
    if let Some(age) = retention.calls_age {
        let first = Timestamp::now().minus(age).unix_hours();
        if let Some((bucket, counted)) = call_bytes::oldest(db, None)?.filter(|(bucket, _)| bucket.hour < first) {
            return Ok(Some(Excess { bucket, counted, bytes: i64::MAX }));
        }
    }
    let by_user = call_bytes::by_user(db)?;
    let Some((user, bytes)) = excess(&by_user, retention) else { return Ok(None) };
    let oldest = call_bytes::oldest(db, Some(user))?;
    Ok(oldest.map(|(bucket, counted)| Excess { bucket, counted, bytes }))
}

/// Leaves as many of the first as have so many bytes together.
fn cut(old: &mut Vec<Old>, bytes: i64) {
    let mut sum = 0_i64;
    let beyond = old.iter().position(|call| {
        let enough = sum >= bytes;
        sum = sum.saturating_add(call.bytes);
        enough
    });
    old.truncate(beyond.unwrap_or(old.len()));
}
