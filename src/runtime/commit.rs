//! Writing: what was begun goes on to its end, but nobody waits longer than [`LONGEST`] for a database that is silent.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    model::AuditEntry,
    runtime::Runtime,
    store::Connection,
};

/// How long a caller waits for a commit.
const LONGEST: Duration = Duration::from_secs(10);

impl Runtime {
    /// Runs `work` and records `entry` in one transaction, as `Recorder::write` does.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        entry: Option<AuditEntry>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let recorder = self.inner.recorder.clone();
        to_its_end(async move { recorder.write(entry, work).await }).await
    }

    /// Records `entry` by itself.
    pub(super) async fn put_on_record(&self, entry: AuditEntry) -> Result<()> {
        let recorder = self.inner.recorder.clone();
        to_its_end(async move { recorder.audit(entry).await }).await
    }
}

/// Runs `work` on even if the caller goes away, or has waited for too long.
pub(super) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let done = tokio::time::timeout(LONGEST, tokio::spawn(work)).await;
    let late = |_| Error::StoreUnavailable("it does not answer; what was asked of it may still be done".into());
    done.map_err(late)?.map_err(|_| Error::Internal("a change panicked".into()))?
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waited_long_enough_is_let_go_and_the_work_goes_on() {
        let (answer, asked) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let work = async move {
            let answered = asked.await;
            done.send(answered.is_ok()).unwrap();
            Ok(())
        };
        let Err(Error::StoreUnavailable(why)) = to_its_end(work).await else { panic!("it was not given up") };
        assert!(why.contains("may still be done"), "{why}");
        answer.send(()).unwrap();
        assert_eq!(ended.await, Ok(true));
    }
}
