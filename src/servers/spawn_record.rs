//! Puts each start of a program on record before it is run.
//!
//! A caller who asked for a start has an entry of their own just before, with their credential: `server.create`,
//! `server.update`, `server.start`, `server.restart`. The start itself is Ostler's, as are those that follow a failure.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    error::{Error, Noun, Result},
    model::{Outcome, ProcessAction, ServerId},
    policy::{audit_quota::EntryKind, command_line},
    servers::service::Servers,
    supervisor::{Containment, Launch, StartKind},
};

impl Servers {
    /// Has a program run once its start is on record; without, `recorded` is dropped and it is not.
    pub(super) fn permit_spawn(
        self: &Arc<Self>,
        id: ServerId,
        launch: Arc<Launch>,
        start: StartKind,
        recorded: mpsc::Sender<Option<Containment>>,
    ) {
        let servers = self.clone();
        // Apart, so that the starts of many servers are one commit.
        self.recorder.spawn(async move {
            match servers.record_spawn(id, &launch, start).await {
                // Its receiver is gone where that took too long.
                Ok(containment) => drop(recorded.try_send(containment)),
                Err(cause) => {
                    log::warn!(server:% = id, cause:%; "a start could not be put on record, so it is not made")
                }
            }
        });
    }

    /// Records the exact command line that is about to be run, secrets masked; returns its containment, where it is
    /// another than when it was launched first.
    async fn record_spawn(&self, id: ServerId, launch: &Arc<Launch>, start: StartKind) -> Result<Option<Containment>> {
        let server =
            self.registry.get(self.placement.server_of(id).unwrap_or(id)).ok_or(Error::NotFound(Noun::Server))?;
        let spec = &launch.spec;
        let line = {
            let mask = server.mask.load();
            command_line::shown(
                std::iter::once(&spec.program).chain(&spec.args),
                spec.working_dir(),
                spec.env.keys(),
                &mask,
            )
        };
        let action = match start {
            StartKind::Wanted => ProcessAction::Spawn,
            StartKind::Again => ProcessAction::Respawn,
        };
        self.record_action(EntryKind::Start, action, id, Outcome::Success, line).await?;
        self.placement.renewed(&server.server.load_full(), launch).await
    }
}
