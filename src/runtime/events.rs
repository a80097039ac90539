//! What the supervisor reports, on record: health in the table of servers, failures in the audit log.

use std::sync::Weak;

use tokio::sync::{broadcast, mpsc};

use crate::{
    error::Result,
    events::{LiveEvent, ServerChangeKind},
    gateway::InstanceHealthChange,
    model::{AuditEntry, ExitReport, HealthChange, HealthStatus, Outcome, ProcessAction, ServerId, Timestamp},
    policy::audit_quota::EntryKind,
    runtime::{Inner, Runtime},
    store,
    supervisor::{Availability, Event},
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

/// Tells whoever watches of instances that turned, until the gateway or the runtime is gone.
pub(super) async fn follow_gateway(runtime: Weak<Inner>, mut turns: broadcast::Receiver<InstanceHealthChange>) {
    loop {
        let turn = match turns.recv().await {
            Ok(turn) => turn,
            // So many at once that some went by untold.
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let Some(inner) = runtime.upgrade() else { return };
        inner.events.publish_instance_health(turn.service, turn.instance, turn.healthy);
    }
}

impl Runtime {
    async fn note(&self, event: Event) -> Result<()> {
        self.spread(&event);
        match event {
            Event::Status { .. } => Ok(()),
            Event::SessionEnded { version, is_remote, lasted } => {
                self.inner.telemetry.metrics().client_session_ended(&version, is_remote, lasted);
                Ok(())
            }
            Event::SupervisorLost => self.inner.placement.replace_supervisor().await,
            Event::Health { id, status } => self.note_health(id, status).await,
            Event::Listed { id, listing } => match self.inner.placement.server_of(id) {
                Some(_) => Ok(()),
                None => self.inner.listings.store(id, &listing).await,
            },
            // The audit log has what changes; that it failed once more in the same way is in the history of its health.
            Event::Failed { id, report, repeated } => {
                self.note_failure(id, &report).await?;
                if repeated {
                    return Ok(());
                }
                self.note_of(ProcessAction::Fail, id, Outcome::Failure, report.reason).await
            }
            Event::Restarting { id, attempt, repeated } => {
                self.inner.telemetry.metrics().server_restarted();
                if repeated {
                    return Ok(());
                }
                let detail = format!("after failure {attempt} in a row");
                self.note_of(ProcessAction::Retry, id, Outcome::Success, detail).await
            }
            Event::GaveUp { repeated: true, .. } => Ok(()),
            Event::GaveUp { id, reason, .. } => self.note_of(ProcessAction::GiveUp, id, Outcome::Failure, reason).await,
            Event::Recovered { id } => {
                self.note_of(ProcessAction::Recover, id, Outcome::Success, "it has been well for a while".into()).await
            }
        }
    }

    async fn note_health(&self, id: ServerId, status: HealthStatus) -> Result<()> {
        if self.inner.placement.server_of(id).is_some() {
            // Health is that of the process that all share.
            return Ok(());
        }
        let (at, reason) = (Timestamp::now(), self.reason(id));
        let change = HealthChange { at, health_status: status, reason };
        let note = move |db: &mut store::Connection| {
            store::servers::set_health(db, id, status, at)?;
            store::health::insert(db, id, &change)
        };
        self.inner.recorder.commit(None, note).await
    }

    /// Keeps why a process ended with what health was then: that changed before the reason was known.
    async fn note_failure(&self, id: ServerId, report: &ExitReport) -> Result<()> {
        let Some(server) = self.inner.registry.get(id) else { return Ok(()) };
        let health_status = server.link.view.borrow().health;
        let change = HealthChange { at: report.at, health_status, reason: Some(format!("it {}", report.reason)) };
        self.inner.recorder.commit(None, move |db| store::health::insert(db, id, &change)).await
    }

    /// Why a server's health is what it is, where there is more to say.
    fn reason(&self, id: ServerId) -> Option<String> {
        let server = self.inner.registry.get(id)?;
        let view = server.link.view.borrow();
        match (view.health, &view.availability) {
            (HealthStatus::Error, Availability::Down(reason)) => Some(reason.clone()),
            (HealthStatus::Unhealthy, _) => Some("it did not answer when it was asked how it is".into()),
            _ => None,
        }
    }

    /// Tells whoever watches. What becomes of a process of one caller alone is told as its server's; its state is not.
    fn spread(&self, event: &Event) {
        let server_of = |id: &ServerId| self.inner.placement.server_of(*id).unwrap_or(*id);
        match event {
            Event::SupervisorLost | Event::Listed { .. } | Event::SessionEnded { .. } | Event::Recovered { .. } => {}
            Event::Health { id, .. } | Event::Status { id } => {
                if let Some(server) = self.inner.registry.get(*id) {
                    self.inner.events.publish_server_change(&server, ServerChangeKind::State);
                }
            }
            Event::Failed { id, report, .. } => {
                let server_id = server_of(id);
                let event = LiveEvent::Exit { server_id, report: report.clone() };
                // What a process of one caller alone wrote is for nobody else.
                self.inner
                    .events
                    .publish_about_server(server_id, if server_id == *id { event } else { event.without_output() });
            }
            Event::Restarting { id, attempt, .. } => {
                let server_id = server_of(id);
                self.inner.events.publish_about_server(server_id, LiveEvent::Restart { server_id, attempt: *attempt });
            }
            Event::GaveUp { id, reason, .. } => {
                let server_id = server_of(id);
                self.inner
                    .events
                    .publish_about_server(server_id, LiveEvent::GaveUp { server_id, reason: reason.clone() });
            }
        }
    }

    async fn note_of(&self, action: ProcessAction, id: ServerId, outcome: Outcome, detail: String) -> Result<()> {
        let (id, detail) = match self.inner.placement.server_of(id) {
            Some(server) => (server, format!("{detail} (a process of one caller alone)")),
            None => (id, detail),
        };
        let owner = self.inner.registry.get(id).map(|server| server.server.load().user_id);
        let entry = AuditEntry::by_ostler(action.as_str(), id, outcome).with_detail(detail);
        self.inner.access.entries().record_or_count(EntryKind::Server, owner, entry).await
    }
}
