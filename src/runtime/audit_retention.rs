//! Removal of the oldest entries of the audit log: by age, and beyond a budget of bytes.

use std::{sync::Weak, time::Duration};

use tokio::time::Instant;

use crate::{
    error::Result,
    model::Timestamp,
    runtime::{Inner, Runtime},
    store::audit_retention::{BATCH, LINE_BYTES, bytes, has_older, remove_oldest},
};

/// How often it is looked whether entries have become too old or too many.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Removes what is too much, for as long as the runtime lives.
pub(super) async fn keep(runtime: Weak<Inner>) {
    while let Some(inner) = runtime.upgrade() {
        if let Err(cause) = (Runtime { inner }).remove_old_entries().await {
            log::warn!(cause:%; "old entries of the audit log could not be removed; it is tried again in an hour");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

impl Runtime {
    async fn remove_old_entries(&self) -> Result<()> {
        let retention = self.inner.settings.retention;
        if let Some(age) = retention.audit_age {
            let before = Timestamp::now().minus(age);
            while self.inner.store.read(move |db| has_older(db, before)).await?
                && self.remove_some_entries(BATCH, Some(before)).await? > 0
            {}
        }
        loop {
            let excess = self.inner.store.read(bytes).await?.saturating_sub(retention.audit_bytes);
            let most = excess.div_ceil(LINE_BYTES).min(BATCH);
            if most == 0 || self.remove_some_entries(most, None).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn remove_some_entries(&self, most: u64, before: Option<Timestamp>) -> Result<usize> {
        let (began, key) = (Instant::now(), self.inner.recorder.chain().key().clone());
        let rows = usize::try_from(most).unwrap_or(usize::MAX);
        let removed = self.write_beside(rows, move |db| remove_oldest(db, &key, most, before)).await?;
        // As long again belongs to calls alone.
        tokio::time::sleep(began.elapsed()).await;
        Ok(removed)
    }
}
