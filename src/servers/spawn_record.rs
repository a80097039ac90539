//! Puts each start of a program on record before it is run, installs its package, and fetches the secrets outside of
//! Ostler that it is to have.
//!
//! A caller who asked for a start has an entry of their own just before, with their credential: `server.create`,
//! `server.update`, `server.start`, `server.restart`. The start itself is Ostler's, as are those that follow a failure.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    error::{Error, Noun, Result},
    model::{Outcome, ProcessAction, ServerId, TimelineLevel},
    named_secrets::Unavailable,
    policy::{audit_quota::EntryKind, command_line, mask::Mask},
    registry::Registered,
    servers::service::Servers,
    supervisor::{Exit, Launch, StartKind, StartPermit},
};

/// Texts that a mask may hide before those of former starts are left out.
const MASKED_MAX: usize = 4096;

impl Servers {
    /// Has a program run once its package is installed and its start is on record; without, `permit` is dropped and it
    /// is not.
    pub(super) fn permit_spawn(
        self: &Arc<Self>,
        id: ServerId,
        launch: Arc<Launch>,
        start: StartKind,
        permit: mpsc::Sender<Result<StartPermit, Exit>>,
    ) {
        let servers = self.clone();
        // Apart, so that the starts of many servers are one commit, and none waits for another's package.
        self.recorder.spawn(async move {
            let prepared = tokio::select! {
                prepared = servers.prepare(id, launch, start) => prepared,
                // It was stopped meanwhile.
                () = permit.closed() => return,
            };
            match prepared {
                // Its receiver is gone where that took too long.
                Ok(outcome) => drop(permit.try_send(outcome)),
                Err(cause) => {
                    log::warn!(server:% = id, cause:%; "a start could not be put on record, so it is not made")
                }
            }
        });
    }

    async fn prepare(&self, id: ServerId, launch: Arc<Launch>, start: StartKind) -> Result<Result<StartPermit, Exit>> {
        let server =
            self.registry.get(self.placement.server_of(id).unwrap_or(id)).ok_or(Error::NotFound(Noun::Server))?;
        let launch = self.renewed(&server, launch).await?;
        let launch = match self.installed(id, &server, launch).await {
            Ok(launch) => launch,
            Err(reason) => return Ok(Err(Exit::NotStarted { errno: None, reason })),
        };
        let permit = match self.complete(&server, launch).await {
            Ok(permit) => permit,
            Err(exit) => return Ok(Err(exit)),
        };
        if permit.launch.remote.is_none() {
            self.record_spawn(id, &server, &permit.launch, start).await?;
        }
        Ok(Ok(permit))
    }

    /// The launch, contained by what its paths lead to now.
    async fn renewed(&self, server: &Registered, launch: Arc<Launch>) -> Result<Arc<Launch>> {
        let renewed = self.placement.renewed(&server.server.load_full(), &launch).await?;
        Ok(renewed.map_or(launch.clone(), |containment| {
            let mut launch = Launch::clone(&launch);
            launch.spec.containment = Some(containment);
            Arc::new(launch)
        }))
    }

    /// The launch of the program of its package in place of its launcher, once that is installed. The error is for
    /// people.
    async fn installed(&self, id: ServerId, server: &Registered, launch: Arc<Launch>) -> Result<Arc<Launch>, String> {
        let Some(run) = launch.package.as_ref().filter(|_| launch.missing.is_none()) else { return Ok(launch) };
        let note = |text: &str| server.link.add_note(TimelineLevel::Info, text);
        let user = launch.spec.user().cloned();
        // A process that is tried out has a pin of its own.
        let id = if self.packages.has_loan(id) { id } else { server.id };
        let program = self.packages.program(id, run, &self.placement.installers(), user, note).await?;
        let spec = program.instead_of_launcher(&launch.spec);
        Ok(Arc::new(Launch { spec, ..Launch::clone(&launch) }))
    }

    /// Puts secrets outside of Ostler into a launch, and masks them from now on.
    async fn complete(&self, server: &Registered, launch: Arc<Launch>) -> Result<StartPermit, Exit> {
        if launch.templates.is_empty() || launch.missing.is_some() {
            return Ok(StartPermit { launch, mask: Mask::clone(&server.mask.load()) });
        }
        let found =
            self.secrets.fetch(server.id, &launch.templates).await.map_err(|Unavailable { reason, is_lasting }| {
                // What a helper program writes may repeat what it gave before.
                let reason = server.mask.load().text(&reason).into_owned();
                if is_lasting { Exit::MissingSecret(reason) } else { Exit::SecretUnavailable(reason) }
            })?;
        let mask = server.change_mask(|mask| {
            let values = self.secrets.values_of(&server.server.load());
            // Its process of before may still write what only the mask of before has.
            if mask.count() < MASKED_MAX { mask.with(&values) } else { Mask::new(&values) }
        });
        Ok(StartPermit { launch: Arc::new(launch.filled(&found)), mask })
    }

    /// Records the exact command line that is about to be run, secrets masked.
    async fn record_spawn(&self, id: ServerId, server: &Registered, launch: &Launch, start: StartKind) -> Result<()> {
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
        self.record_action(EntryKind::Start, action, id, Outcome::Success, line).await
    }
}
