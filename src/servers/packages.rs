//! Packages that servers are started from, as callers see them.

use crate::{
    error::{Error, Result},
    model::{AvailableVersions, InstalledPackage, PackageRun, Principal, ServerId, ServerPackage},
    policy::permission,
    registry::Registered,
    servers::service::Servers,
};

impl Servers {
    /// Installations of packages that servers of the caller's own, and those shared with them, run or may be rolled
    /// back to; of all servers with `mcp:manage`.
    pub fn packages(&self, who: &Principal) -> Result<Vec<InstalledPackage>> {
        self.access.require_any(who, permission::CONFIGURES, "package.list")?;
        let visible = |registered: &Registered| registered.allows(who, permission::CONFIGURES);
        let name_of = |id| {
            let registered = self.registry.get(id).filter(|registered| visible(registered))?;
            Some(registered.server.load().config.name.clone())
        };
        Ok(self.packages.installations(name_of))
    }

    /// The versions that a server runs of its package, and those that its command line asks for now. Changes nothing.
    pub async fn available_package(&self, who: &Principal, id: ServerId) -> Result<AvailableVersions> {
        let registered = self.registry.reach(who, id, permission::WRITES, "package.available")?;
        let run = self.replaced_run(&registered)?;
        self.packages.available(id, &run, &self.placement.installers()).await
    }

    /// The package that a server is started from; `None` where there is nothing to say of it.
    pub(super) fn package_of(&self, registered: &Registered) -> Option<ServerPackage> {
        let plan = self.placement.launcher_plan(&registered.server.load().config);
        if plan.launcher.is_none() && plan.notice.is_none() {
            return None;
        }
        let run = plan.clone().replaced();
        let pinned = run.and_then(|run| self.packages.pinned(registered.id, &run));
        let held = self.packages.held(registered.id).filter(|_| pinned.is_some());
        Some(ServerPackage { launcher: plan.launcher, notice: plan.notice, wanted: plan.package, pinned, held })
    }

    /// The packages whose program a server runs in place of its launcher.
    pub(super) fn replaced_run(&self, registered: &Registered) -> Result<PackageRun> {
        let plan = self.placement.launcher_plan(&registered.server.load().config);
        let fix = "it runs no package that Ostler installs: set `launcher` to \"replace\", with a command line such as \
            `npx -y PACKAGE` or `uvx PACKAGE`";
        plan.replaced().ok_or_else(|| Error::Conflict(fix.into()))
    }
}
