//! [`CallRetention`]: removes calls that are too old or too many, a few at a time beside what is recorded.
//!
//! Calls to remove are looked for here, and only their removal goes through the recorder, in transactions so short that
//! no call waits for them. The database counts bytes by hour, account and server, so that no calls need be read to know
//! which account has too many.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    error::Result,
    history::recorded_bytes::RecordedBytes,
    model::Timestamp,
    policy::retention::{Retention, excess},
    recorder::Recorder,
    store::{
        Connection, Store,
        call_bytes::{self, Backlog, Bucket},
        calls::{self, RemovableCall},
    },
    tasks::lifecycle::Lifecycle,
};

/// Pause between checks whether calls have become too old.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Calls removed in one transaction, for which a call to record waits at most.
const BATCH_CALLS_MAX: i64 = 500;

/// Bytes removed in one transaction: with large payloads a few calls take as long.
const BATCH_BYTES_MAX: i64 = 8 << 20;

/// Calls of earlier versions counted in one transaction: they are read, not removed.
const BACKLOG_BATCH_CALLS: i64 = 1000;

/// Removes calls beyond the limits of age and bytes.
pub(super) struct CallRetention {
    store: Store,
    recorder: Recorder,
    lifecycle: Arc<Lifecycle>,
    retention: Retention,
    recorded: Arc<RecordedBytes>,
}

/// The call that was removed last, after which its bucket is continued.
type LastRemoved = Option<(Bucket, String)>;

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RemovalProgress {
    /// There may be more to do.
    More,
    /// All calls are within the limits.
    Done,
}

/// A bucket whose oldest calls are beyond a limit.
struct Excess {
    bucket: Bucket,
    /// Bytes counted for the bucket.
    counted: i64,
    /// Bytes to remove at most.
    bytes: i64,
}

impl CallRetention {
    pub(super) fn new(store: Store, recorder: Recorder, lifecycle: Arc<Lifecycle>, retention: Retention) -> Self {
        let recorded = Arc::new(RecordedBytes::new(&retention));
        Self { store, recorder, lifecycle, retention, recorded }
    }

    /// Counts recorded bytes, which make a check due.
    pub(super) fn count_recorded(&self, bytes: usize) {
        self.recorded.add(bytes);
    }

    /// Removes calls whenever some may be beyond a limit, until `self` is dropped or work ends.
    pub(super) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let (owner, recorded) = (Arc::downgrade(self), self.recorded.clone());
        async move {
            let mut last = None;
            loop {
                let pause = {
                    let Some(retention) = owner.upgrade() else { return };
                    let Ok(_work) = retention.lifecycle.begin_work() else { return };
                    retention.step(&mut last).await
                };
                let _: Result<(), tokio::time::error::Elapsed> =
                    tokio::time::timeout(pause, recorded.check_due()).await;
            }
        }
    }

    /// Removes some calls; returns the pause until the next step.
    async fn step(&self, last: &mut LastRemoved) -> Duration {
        let began = Instant::now();
        match self.remove_some(last).await {
            // As long again belongs to recording alone.
            Ok(RemovalProgress::More) => began.elapsed(),
            Ok(RemovalProgress::Done) => CHECK_INTERVAL,
            Err(cause) => {
                log::warn!(cause:%; "old calls could not be removed; it is tried again in a minute");
                CHECK_INTERVAL
            }
        }
    }

    /// Counts calls of earlier versions; once that is done, removes some calls if there are too many.
    async fn remove_some(&self, last: &mut LastRemoved) -> Result<RemovalProgress> {
        let store = &self.store;
        if let Some(backlog) = store.read(call_bytes::backlog).await? {
            self.count_backlog(backlog).await?;
            return Ok(RemovalProgress::More);
        }
        if store.read(call_bytes::is_any_held).await? {
            self.recorder.maintain(store, 0, call_bytes::flush).await?;
        }
        let retention = self.retention;
        let found = store.read(move |db| find_excess(db, &retention)).await?;
        let Some(Excess { bucket, counted, bytes }) = found else { return Ok(RemovalProgress::Done) };
        let after = last.take().filter(|(of, _)| *of == bucket).map(|(_, id)| id);
        let (of, from) = (bucket.clone(), after.clone());
        let mut old = store.read(move |db| calls::oldest(db, &of, from.as_deref(), BATCH_CALLS_MAX)).await?;
        if old.is_empty() && after.is_some() {
            // Some may have been recorded late, with an earlier id.
            return Ok(RemovalProgress::More);
        }
        truncate(&mut old, bytes.min(BATCH_BYTES_MAX));
        let rows = old.len();
        *last = old.last().map(|call| (bucket.clone(), call.id.clone()));
        // A bucket without calls was counted wrongly.
        let removed = if old.is_empty() { counted } else { old.iter().map(|call| call.bytes).sum() };
        let remove = move |db: &mut Connection| {
            // One that was recorded meanwhile, with an earlier id, may be among them.
            call_bytes::flush(db)?;
            calls::delete(db, &bucket, &old)?;
            call_bytes::subtract(db, &bucket, removed)
        };
        self.recorder.maintain(store, rows, remove).await?;
        Ok(RemovalProgress::More)
    }

    /// Counts some of the calls that earlier versions recorded.
    async fn count_backlog(&self, Backlog { server_id, before }: Backlog) -> Result<()> {
        let of = server_id.clone();
        let found = self.store.read(move |db| calls::before(db, &of, &before, BACKLOG_BATCH_CALLS)).await?;
        let count = move |db: &mut Connection| {
            call_bytes::add_old(db, &server_id, &found)?;
            call_bytes::set_backlog(db, &server_id, found.last().map(|(call, _)| call.id.as_str()))
        };
        self.recorder.maintain(&self.store, 0, count).await
    }
}

/// The bucket whose calls are removed next: the oldest if it is too old, else the oldest of an account over its limit.
fn find_excess(db: &mut Connection, retention: &Retention) -> Result<Option<Excess>> {
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

/// Truncates `old` after the call with which `bytes` are reached.
fn truncate(old: &mut Vec<RemovableCall>, bytes: i64) {
    let mut sum = 0_i64;
    let beyond = old.iter().position(|call| {
        let enough = sum >= bytes;
        sum = sum.saturating_add(call.bytes);
        enough
    });
    old.truncate(beyond.unwrap_or(old.len()));
}
