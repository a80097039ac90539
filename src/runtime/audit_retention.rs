//! Removal of the oldest entries of the audit log: by age, and beyond a budget of bytes.

use std::{sync::Weak, time::Duration};

use crate::{
    error::Result,
    model::Timestamp,
    runtime::{Inner, Runtime},
    store::{Connection, audit_retention},
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
            while self.remove_some_entries(Some(Timestamp::now().minus(age))).await? > 0 {}
        }
        while self.inner.store.read(audit_retention::bytes).await? > retention.audit_bytes
            && self.remove_some_entries(None).await? > 0
        {}
        Ok(())
    }

    async fn remove_some_entries(&self, before: Option<Timestamp>) -> Result<usize> {
        let key = self.inner.recorder.chain().key().clone();
        let remove = move |db: &mut Connection| audit_retention::remove_oldest(db, &key, before);
        self.inner.recorder.write(None, remove).await
    }
}
