//! Removal of the oldest entries of the audit log: by age, and beyond a budget of bytes.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::Result,
    model::Timestamp,
    policy::retention::Retention,
    recorder::Recorder,
    store::{
        Store,
        audit_retention::{BATCH, LINE_BYTES, bytes, has_older, remove_oldest},
    },
};

/// Pause between removals: an hour of entries is little beside what is kept.
pub(super) const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Removes what is too old or too much.
pub(super) async fn prune(store: &Store, recorder: &Recorder, retention: &Retention) {
    if let Err(cause) = remove_old(store, recorder, retention).await {
        log::warn!(cause:%; "old entries of the audit log could not be removed; it is tried again in an hour");
    }
}

async fn remove_old(store: &Store, recorder: &Recorder, retention: &Retention) -> Result<()> {
    if let Some(age) = retention.audit_age {
        let before = Timestamp::now().minus(age);
        while store.read(move |db| has_older(db, before)).await?
            && remove_some(store, recorder, BATCH, Some(before)).await? > 0
        {}
    }
    loop {
        let excess = store.read(bytes).await?.saturating_sub(retention.audit_bytes);
        let most = excess.div_ceil(LINE_BYTES).min(BATCH);
        if most == 0 || remove_some(store, recorder, most, None).await? == 0 {
            return Ok(());
        }
    }
}

async fn remove_some(store: &Store, recorder: &Recorder, most: u64, before: Option<Timestamp>) -> Result<usize> {
    let (began, key) = (Instant::now(), recorder.chain().key().clone());
    let rows = usize::try_from(most).unwrap_or(usize::MAX);
    let removed = recorder.maintain(store, rows, move |db| remove_oldest(db, &key, most, before)).await?;
    // As long again belongs to calls alone.
    tokio::time::sleep(began.elapsed()).await;
    Ok(removed)
}
