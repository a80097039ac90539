//! Writes that go on although their caller goes away.

use crate::{error::Result, model::AuditEntry, runtime::Runtime, store::Connection, tasks::run_to_completion};

impl Runtime {
    /// Runs `work` and records `entry` in one transaction, as `Recorder::write` does.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let recorder = self.inner.recorder.clone();
        run_to_completion(async move { recorder.write(entry, work).await }).await
    }

    /// Records `entry` by itself.
    pub(super) async fn put_on_record(&self, entry: AuditEntry) -> Result<()> {
        let recorder = self.inner.recorder.clone();
        run_to_completion(async move { recorder.audit(entry).await }).await
    }
}
