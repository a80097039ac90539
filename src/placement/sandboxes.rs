//! The sandboxes of servers: what is refused, what is in effect, and what is left behind.

use std::sync::Arc;

use crate::{
    error::Result,
    model::{EffectiveSandbox, SandboxLevel, Server, ServerConfig, ServerId, StartPreview},
    placement::Placement,
    policy::package::LauncherPlan,
    supervisor::{Containment, Launch, temporary},
    tasks::blocking,
};

impl Placement {
    /// Refuses paths of `after` that can never be granted; those of `before` stand.
    pub(crate) async fn check_paths(&self, before: &ServerConfig, after: &ServerConfig) -> Result<()> {
        let (launcher, before, after) = (self.launcher.clone(), before.clone(), after.clone());
        if (&before.sandbox.paths, &before.cwd) == (&after.sandbox.paths, &after.cwd) {
            return Ok(());
        }
        blocking(move || launcher.containers.check(&before, &after).into_result()).await
    }

    /// The start of a server of this configuration, as it would be; `None` where it is at a URL. Blocks.
    pub(crate) fn preview(&self, config: &ServerConfig) -> Option<StartPreview> {
        config.remote.is_none().then(|| self.launcher.preview(config))
    }

    /// Treatment of the launcher in a server's command line.
    pub(crate) fn launcher_plan(&self, config: &ServerConfig) -> LauncherPlan {
        self.launcher.launcher_plan(config)
    }

    /// The containment of a process of a server that is about to start, by what is there now: a path that is granted
    /// may have come to be. `None` where it is as the launch says.
    pub(crate) async fn renewed(&self, server: &Server, launch: &Arc<Launch>) -> Result<Option<Containment>> {
        let (id, launcher, launch, config) = (server.id, self.launcher.clone(), launch.clone(), server.config.clone());
        let Some((containment, sandbox)) = blocking(move || Ok(launcher.renewed(&config, &launch))).await? else {
            return Ok(None);
        };
        self.note_sandbox(id, Some(sandbox));
        Ok(Some(containment))
    }

    /// Notes the sandbox that a server has in effect.
    pub(super) fn note_sandbox(&self, id: ServerId, sandbox: Option<EffectiveSandbox>) {
        let mut sandboxes = self.sandboxes.lock();
        match sandbox {
            Some(sandbox) => sandboxes.insert(id, sandbox),
            None => sandboxes.remove(&id),
        };
    }

    /// The level of a server's sandbox.
    pub(crate) fn level(&self, config: &ServerConfig) -> SandboxLevel {
        self.launcher.containers.level(config)
    }

    /// The sandbox of a server's processes as they were started last, or will be.
    pub(crate) fn sandbox(&self, id: ServerId) -> Option<EffectiveSandbox> {
        self.sandboxes.lock().get(&id).cloned()
    }

    /// Removes what processes of servers left behind whose guards were killed along with an earlier Ostler; nothing of
    /// these servers runs yet.
    pub(crate) async fn tidy(&self, ids: impl Iterator<Item = ServerId>) -> Result<()> {
        let folders: Vec<_> = ids.map(|id| self.launcher.folder(id)).collect();
        blocking(move || {
            for folder in &folders {
                temporary::remove_left(folder);
            }
            Ok(())
        })
        .await
    }
}
