//! Stops a runtime in order.

use std::{sync::atomic::Ordering, time::Duration};

use crate::{runtime::Runtime, store, supervisor::messages::StopAll, tasks::blocking};

/// Time that work in progress gets once the runtime is stopping.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that servers then get to end: twice what it takes to kill one that ignores everything.
pub(super) const SERVERS_END_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the last states of servers to be recorded, where the database takes them at all.
const LAST_STATES_TIMEOUT: Duration = Duration::from_secs(5);

/// A runtime that counts as stopped once this is dropped.
struct Stopping(Runtime);

impl Drop for Stopping {
    fn drop(&mut self) {
        // Set by one alone.
        let _ = self.0.inner.stopped.set(());
    }
}

impl Runtime {
    /// Stops: no new work, calls in flight finish (at most 30 s), servers end, queued writes are committed.
    /// Returns once no process is left, or 10 s later if one does not end, which its guard keeps trying. A second call
    /// waits for the first.
    /// May be called from any thread and runtime; goes on even where its caller goes away.
    pub async fn stop(&self) {
        self.stop_within(DRAIN_TIMEOUT).await;
    }

    /// Stops; calls in flight get so long to finish.
    pub(crate) async fn stop_within(&self, drain: Duration) {
        if !self.inner.is_stopping.swap(true, Ordering::Relaxed) {
            // Also where that panics, or never begins: who stops a program must not wait for ever.
            let stopping = Stopping(self.clone());
            self.inner.arbiters.handle().spawn(async move { stopping.0.end(drain).await });
        }
        self.inner.stopped.wait().await;
    }

    async fn end(&self, drain: Duration) {
        self.inner.lifecycle.drain(drain).await;
        let stopped = tokio::time::timeout(SERVERS_END_TIMEOUT, self.inner.placement.supervisor().ask(StopAll)).await;
        let have_ended = matches!(stopped, Ok(Ok(())));
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => log::error!(cause:%; "the servers were not stopped in good order; their guards end them"),
            Err(_) => log::error!("some servers do not end, not even killed; their guards keep trying"),
        }
        if tokio::time::timeout(LAST_STATES_TIMEOUT, self.inner.placement.supervisor().flush_events()).await.is_err() {
            log::warn!("the database is slow or takes no writes; the last states of servers are not all on record");
        }
        self.inner.services.stop();
        self.inner.access.entries().summarize_all().await;
        let recorder = &self.inner.recorder;
        if have_ended {
            // Queued before the stop; where that fails, who comes next waits for a while.
            let _ = tokio::join!(recorder.write(None, store::occupancy::release), recorder.stop());
        } else {
            recorder.stop().await;
        }
        self.inner.audit_log.publish_end().await;
        let timeline = self.inner.timeline.clone();
        let written = blocking(move || {
            timeline.stop();
            Ok(())
        });
        // It does not fail.
        let _ = written.await;
        self.inner.telemetry.tracer().flush().await;
        // With the actors end requests that still wait for them, and what the guards of their processes listen to.
        for arbiter in self.inner.arbiters.servers() {
            arbiter.stop();
        }
        self.inner.place.leave();
    }
}
