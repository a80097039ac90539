//! What the supervisor reports, on record: health in the table of servers, failures in the audit log.

use std::sync::Weak;

use tokio::sync::mpsc;

use crate::{
    error::Result,
    model::{AuditEntry, Outcome, ServerId, Timestamp},
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
            Event::Health { id, status } => match self.inner.leases.server_of(id) {
                // Health is that of the process that all share.
                Some(_) => Ok(()),
                None => {
                    let at = Timestamp::now();
                    self.write(None, move |db| store::servers::set_health(db, id, status, at)).await
                }
            },
            Event::Catalogue { id, catalogue } => match self.inner.leases.server_of(id) {
                Some(_) => Ok(()),
                None => self.keep_catalogue(id, &catalogue).await,
            },
            Event::Failed { id, report } => self.note_of("server.fail", id, Outcome::Failure, report.reason).await,
            Event::Restarting { id, attempt } => {
                self.inner.metrics.restarted();
                let detail = format!("after failure {attempt} in a row");
                self.note_of("server.retry", id, Outcome::Success, detail).await
            }
            Event::GaveUp { id, reason } => self.note_of("server.give-up", id, Outcome::Failure, reason).await,
        }
    }

    async fn note_of(&self, action: &str, id: ServerId, outcome: Outcome, detail: String) -> Result<()> {
        let (id, detail) = match self.inner.leases.server_of(id) {
            Some(server) => (server, format!("{detail} (a process of one caller alone)")),
            None => (id, detail),
        };
        self.put_on_record(AuditEntry::by_ostler(action, id, outcome).with_detail(detail)).await
    }
}
