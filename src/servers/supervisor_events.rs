//! Records and publishes what the supervisor reports: health in the table of servers, failures in the audit log.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    error::Result,
    events::{LiveEvent, ServerChangeKind},
    model::{
        AuditEntry, ExitReport, HealthChange, HealthStatus, Listing, Outcome, ProcessAction, ServerId, TimelineLevel,
        Timestamp,
    },
    policy::audit_quota::EntryKind,
    servers::service::Servers,
    store,
    supervisor::{Availability, SupervisorEvent},
};

impl Servers {
    /// Records what the supervisor reports, until it or `self` is gone.
    pub(crate) fn follow(
        self: &Arc<Self>,
        mut events: mpsc::UnboundedReceiver<SupervisorEvent>,
    ) -> impl Future<Output = ()> + use<> {
        let servers = Arc::downgrade(self);
        async move {
            while let Some(event) = events.recv().await {
                let Some(servers) = servers.upgrade() else { return };
                if servers.is_of_trial(&event) {
                    // Its caller says how it went.
                    continue;
                }
                if let Err(cause) = servers.on_event(event).await {
                    log::warn!(cause:%; "a change of a server's state could not be dealt with");
                }
            }
        }
    }

    /// True for what a process does that is tried out, but for its start, which is put on record.
    fn is_of_trial(&self, event: &SupervisorEvent) -> bool {
        let is_start = matches!(event, SupervisorEvent::Spawning { .. });
        !is_start && event.child().is_some_and(|id| self.placement.is_trial(id))
    }

    async fn on_event(self: &Arc<Self>, event: SupervisorEvent) -> Result<()> {
        self.broadcast(&event);
        match event {
            SupervisorEvent::Status { .. } | SupervisorEvent::Flush(_) => Ok(()),
            SupervisorEvent::SessionEnded { version, is_remote, lasted } => {
                self.telemetry.metrics().client_session_ended(&version, is_remote, lasted);
                Ok(())
            }
            SupervisorEvent::SupervisorLost => self.placement.replace_supervisor().await,
            SupervisorEvent::Health { id, status } => self.record_health(id, status).await,
            SupervisorEvent::Listed { id, listing } => self.take_listing(id, &listing).await,
            SupervisorEvent::Spawning { id, launch, start, permit } => {
                self.permit_spawn(id, launch, start, permit);
                Ok(())
            }
            // The audit log has what changes; that it failed once more in the same way is in the history of its health.
            SupervisorEvent::Failed { id, report, repeated } => {
                self.record_failure(id, &report).await?;
                if repeated {
                    return Ok(());
                }
                self.record_action(EntryKind::Server, ProcessAction::Fail, id, Outcome::Failure, report.reason).await
            }
            SupervisorEvent::Restarting { id, attempt, repeated } => {
                self.telemetry.metrics().server_restarted();
                if repeated {
                    return Ok(());
                }
                let detail = format!("after failure {attempt} in a row");
                self.record_action(EntryKind::Server, ProcessAction::Retry, id, Outcome::Success, detail).await
            }
            SupervisorEvent::GaveUp { repeated: true, .. } => Ok(()),
            SupervisorEvent::GaveUp { id, reason, .. } => {
                self.record_action(EntryKind::Server, ProcessAction::GiveUp, id, Outcome::Failure, reason).await
            }
            SupervisorEvent::Recovered { id } => {
                self.record_action(
                    EntryKind::Server,
                    ProcessAction::Recover,
                    id,
                    Outcome::Success,
                    "it has been well for a while".into(),
                )
                .await
            }
        }
    }

    /// Takes what a process lists, which is ready then.
    async fn take_listing(&self, id: ServerId, listing: &Arc<Listing>) -> Result<()> {
        let server = self.placement.server_of(id);
        self.packages.worked(server.unwrap_or(id));
        match server {
            Some(server) => self.listings.review_isolated(server, listing).await,
            None => self.listings.store(id, listing).await,
        }
    }

    async fn record_health(&self, id: ServerId, status: HealthStatus) -> Result<()> {
        if self.placement.server_of(id).is_some() {
            // Health is that of the process that all share.
            return Ok(());
        }
        let (at, reason) = (Timestamp::now(), self.reason(id));
        let change = HealthChange { at, health_status: status, reason };
        let note = move |db: &mut store::Connection| {
            store::servers::set_health(db, id, status, at)?;
            store::health::insert(db, id, &change)
        };
        self.recorder.commit(None, note).await
    }

    /// Records why a process ended, with the health it had then: that changed before the reason was known. Its package
    /// is healed for its next start, which is asked for after this event.
    async fn record_failure(&self, id: ServerId, report: &ExitReport) -> Result<()> {
        self.heal_package(id, report);
        let Some(server) = self.registry.get(id) else { return Ok(()) };
        let health_status = server.link.view.borrow().health;
        let change = HealthChange { at: report.at, health_status, reason: Some(format!("it {}", report.reason)) };
        self.recorder.commit(None, move |db| store::health::insert(db, id, &change)).await
    }

    /// Has its package resolved again for its next start, where it failed for a reason that is known.
    fn heal_package(&self, id: ServerId, report: &ExitReport) {
        let Some(server) = self.registry.get(self.placement.server_of(id).unwrap_or(id)) else { return };
        if let Some(text) = self.packages.heal(server.id, &report.stderr) {
            server.link.add_note(TimelineLevel::Warn, &text);
        }
    }

    /// Reason for the health of a server, where there is more to say.
    fn reason(&self, id: ServerId) -> Option<String> {
        let server = self.registry.get(id)?;
        let view = server.link.view.borrow();
        match (view.health, &view.availability) {
            (HealthStatus::Error, Availability::Down(reason)) => Some(reason.clone()),
            (HealthStatus::Unhealthy, _) => Some("it did not answer when it was asked how it is".into()),
            _ => None,
        }
    }

    /// Publishes it as a live event. Exits and restarts of an isolated process are those of its server; its state is
    /// not.
    fn broadcast(&self, event: &SupervisorEvent) {
        let server_of = |id: &ServerId| self.placement.server_of(*id).unwrap_or(*id);
        match event {
            SupervisorEvent::SupervisorLost
            | SupervisorEvent::Listed { .. }
            | SupervisorEvent::Spawning { .. }
            | SupervisorEvent::SessionEnded { .. }
            | SupervisorEvent::Recovered { .. }
            | SupervisorEvent::Flush(_) => {}
            SupervisorEvent::Health { id, .. } | SupervisorEvent::Status { id } => {
                if let Some(server) = self.registry.get(*id) {
                    self.events.publish_server_change(&server, ServerChangeKind::State);
                }
            }
            SupervisorEvent::Failed { id, report, .. } => {
                let server_id = server_of(id);
                let event = LiveEvent::Exit { server_id, report: report.clone() };
                // The output of an isolated process is its user's alone.
                self.events
                    .publish_about_server(server_id, if server_id == *id { event } else { event.without_output() });
            }
            SupervisorEvent::Restarting { id, attempt, .. } => {
                let server_id = server_of(id);
                self.events.publish_about_server(server_id, LiveEvent::Restart { server_id, attempt: *attempt });
            }
            SupervisorEvent::GaveUp { id, reason, .. } => {
                let server_id = server_of(id);
                self.events.publish_about_server(server_id, LiveEvent::GaveUp { server_id, reason: reason.clone() });
            }
        }
    }

    pub(super) async fn record_action(
        &self,
        kind: EntryKind,
        action: ProcessAction,
        id: ServerId,
        outcome: Outcome,
        detail: String,
    ) -> Result<()> {
        let (id, detail) = match self.placement.server_of(id) {
            Some(server) if self.placement.is_trial(id) => {
                (server, format!("{detail} (tried out; no caller is served)"))
            }
            Some(server) => (server, format!("{detail} (a process of one caller alone)")),
            None => (id, detail),
        };
        let owner = self.registry.get(id).map(|server| server.server.load().user_id);
        let entry = AuditEntry::by_ostler(action.as_str(), id, outcome).with_detail(detail);
        self.access.entries().record_or_count(kind, owner, entry).await
    }
}
