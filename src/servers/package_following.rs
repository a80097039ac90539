//! Moves servers that follow their packages (`LauncherUse::Follow`) to newer versions.

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Result},
    model::{LauncherUse, TimelineLevel},
    registry::Registered,
    servers::{UpdateMode, service::Servers},
    tasks::every,
};

/// Longest time from the start of Ostler to the first look: servers are started first.
const FIRST_LOOK: Duration = Duration::from_secs(600);

impl Servers {
    /// Looks for newer versions of packages that servers follow, again and again, for as long as Ostler runs.
    pub(crate) fn follow_packages(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let (pause, servers) = (self.settings.package_update_interval, Arc::downgrade(self));
        async move {
            tokio::time::sleep(pause.min(FIRST_LOOK)).await;
            every(pause, servers, Self::follow_each).await;
        }
    }

    /// Moves each server that follows its package, one after the other.
    async fn follow_each(self: Arc<Self>) {
        let follows = |server: &Registered| {
            let config = &server.server.load().config;
            config.enabled && self.placement.launcher_plan(config).launcher == Some(LauncherUse::Follow)
        };
        let all = self.registry.all();
        for server in all.values().filter(|server| follows(server)) {
            if let Err(error) = self.follow_package(server).await {
                server.link.add_note(TimelineLevel::Warn, &format!("update: {error}"));
            }
        }
    }

    /// Moves a server to newer versions, unless there are none but those that it was kept from before.
    async fn follow_package(self: &Arc<Self>, server: &Arc<Registered>) -> Result<()> {
        let Ok(run) = self.replaced_run(server) else { return Ok(()) };
        let alone = self.packages.begin_update(server.id)?;
        if self.packages.pinned(server.id, &run).is_none() {
            // It was never started.
            return Ok(());
        }
        let found = self.packages.available(server.id, &run, &self.placement.installers()).await?;
        if !found.is_other || self.packages.is_held(server.id, &found) {
            return Ok(());
        }
        let (servers, following) = (self.clone(), server.clone());
        let updated = self
            .recorder
            .spawn(async move { servers.update_to_newest(None, following, UpdateMode::Unattended, alone).await });
        let updated = updated.await.map_err(|_| Error::Internal("an update panicked".into()))?;
        if let Err(Error::Conflict(reason)) = &updated {
            self.packages.hold(server.id, found, reason.clone());
        }
        updated.map(drop)
    }
}
