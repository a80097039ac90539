//! Installs what a program is started from, and puts each start on record before it is run.
//!
//! A caller who asked for a start has an entry of their own just before, with their credential: `server.create`,
//! `server.update`, `server.start`, `server.restart`. The start itself is Ostler's, as are those that follow a failure.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    error::{Error, Noun, Result},
    model::{Outcome, ProcessAction, ServerId, TimelineLevel},
    policy::{audit_quota::EntryKind, command_line},
    registry::Registered,
    servers::service::Servers,
    supervisor::{Launch, StartKind, StartPermit, guard::Spec},
};

impl Servers {
    /// Has a program run once its package is installed and its start is on record; without, `permit` is dropped and it
    /// is not.
    pub(super) fn permit_spawn(
        self: &Arc<Self>,
        id: ServerId,
        launch: Arc<Launch>,
        start: StartKind,
        permit: mpsc::Sender<StartPermit>,
    ) {
        let servers = self.clone();
        // Apart, so that the starts of many servers are one commit, and none waits for another's package.
        self.recorder.spawn(async move {
            let permitted = tokio::select! {
                permitted = servers.permitted(id, &launch, start) => permitted,
                // It was stopped meanwhile.
                () = permit.closed() => return,
            };
            match permitted {
                // Its receiver is gone where that took too long.
                Ok(permitted) => drop(permit.try_send(permitted)),
                Err(cause) => {
                    log::warn!(server:% = id, cause:%; "a start could not be put on record, so it is not made")
                }
            }
        });
    }

    async fn permitted(&self, id: ServerId, launch: &Launch, start: StartKind) -> Result<StartPermit> {
        let server =
            self.registry.get(self.placement.server_of(id).unwrap_or(id)).ok_or(Error::NotFound(Noun::Server))?;
        let installed = match self.installed(&server, launch).await {
            Ok(installed) => installed,
            Err(reason) => return Ok(Err(reason)),
        };
        self.record_spawn(id, &server, installed.as_ref().unwrap_or(&launch.spec), start).await?;
        Ok(Ok(installed))
    }

    /// What is run in place of a launcher, once that is installed. The error is for people.
    async fn installed(&self, server: &Registered, launch: &Launch) -> Result<Option<Spec>, String> {
        let Some(run) = &launch.package else { return Ok(None) };
        let package = run.packages.first().map_or("", |package| &package.name);
        let note = |text: &str| server.link.add_note(TimelineLevel::Info, text);
        let program = self.packages.program(server.id, run, &self.placement.installers(), note).await?;
        if program.is_new {
            note(&format!("{package} {} is installed, and what it runs from now on", program.version));
        }
        Ok(Some(program.instead_of_launcher(&launch.spec)))
    }

    /// Records the exact command line that is about to be run, secrets masked.
    async fn record_spawn(&self, id: ServerId, server: &Registered, spec: &Spec, start: StartKind) -> Result<()> {
        let line = {
            let mask = server.mask.load();
            command_line::shown(std::iter::once(&spec.program).chain(&spec.args), &spec.dir, spec.env.keys(), &mask)
        };
        let action = match start {
            StartKind::Wanted => ProcessAction::Spawn,
            StartKind::Again => ProcessAction::Respawn,
        };
        self.record_action(EntryKind::Start, action, id, Outcome::Success, line).await
    }
}
