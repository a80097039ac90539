//! What the supervisor reports, on record: health in the table of servers, failures in the audit log.

use std::sync::Weak;

use tokio::sync::mpsc;

use crate::{
    error::Result,
    model::{AuditEntry, Outcome, Timestamp},
    runtime::{Inner, Runtime},
    store,
    supervisor::Event,
};

/// Records events until the supervisor or the runtime is gone.
pub(super) async fn listen(runtime: Weak<Inner>, mut events: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        let Some(inner) = runtime.upgrade() else { return };
        if let Err(cause) = (Runtime { inner }).note(event).await {
            log::warn!(cause:%; "a change of a server's state could not be dealt with");
        }
    }
}

impl Runtime {
    async fn note(&self, event: Event) -> Result<()> {
        match event {
            Event::SupervisorLost => self.replace_supervisor().await,
            Event::Health { id, status } => {
                let at = Timestamp::now();
                self.write(None, move |db| store::servers::set_health(db, id, status, at)).await
            }
            Event::Catalogue { .. } => Ok(()),
            Event::Failed { id, report } => {
                let entry = AuditEntry::by_ostler("server.fail", id, Outcome::Failure);
                self.put_on_record(entry.with_detail(report.reason)).await
            }
            Event::Restarting { id, attempt } => {
                self.inner.metrics.restarted();
                let entry = AuditEntry::by_ostler("server.retry", id, Outcome::Success);
                self.put_on_record(entry.with_detail(format!("after failure {attempt} in a row"))).await
            }
            Event::GaveUp { id, reason } => {
                let entry = AuditEntry::by_ostler("server.give-up", id, Outcome::Failure);
                self.put_on_record(entry.with_detail(reason)).await
            }
        }
    }
}
