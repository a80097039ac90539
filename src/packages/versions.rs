//! Versions of servers' packages: those that run, those that there are, and the way from one to the other.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{
    contents,
    installer::InstallerSpec,
    lock::Lock,
    pin::{Pin, Previous, Wanted},
    service::Packages,
};
use crate::{
    error::{Error, Result},
    model::{
        AuditEntry, AvailableVersions, HeldUpdate, InstalledPackage, PackageRemedy, PackageRun, PackageUser,
        PinnedPackage, ServerId,
    },
    policy::pins::Pins,
};

/// Versions of a server's package that are installed, and that it can run instead of those that it runs.
#[derive(Clone)]
pub(crate) struct Versions(Arc<Pin>);

impl Versions {
    /// The hash of all that is installed.
    pub(crate) fn digest(&self) -> &str {
        &self.0.digest
    }
}

/// An update in progress; no other one of the server begins until it is dropped.
pub(crate) struct UpdateInProgress {
    id: ServerId,
    updating: Arc<Mutex<HashSet<ServerId>>>,
}

impl Drop for UpdateInProgress {
    fn drop(&mut self) {
        self.updating.lock().remove(&self.id);
    }
}

/// A pin on loan to a process that is tried out; taken back when it is dropped.
pub(crate) struct PinLoan<'a> {
    process: ServerId,
    packages: &'a Packages,
}

impl Drop for PinLoan<'_> {
    fn drop(&mut self) {
        self.packages.loans.lock().remove(&self.process);
    }
}

impl Packages {
    /// Begins an update of a server; `Conflict` while there is another.
    pub(crate) fn begin_update(&self, id: ServerId) -> Result<UpdateInProgress> {
        if !self.updating.lock().insert(id) {
            return Err(Error::Conflict("its package is being updated already; wait until that is done".into()));
        }
        Ok(UpdateInProgress { id, updating: self.updating.clone() })
    }

    /// The versions that a server runs of `run`; `None` before its first start.
    pub(crate) fn pinned(&self, id: ServerId, run: &PackageRun) -> Option<PinnedPackage> {
        let pin = self.pin_of(id, run)?;
        Some(PinnedPackage {
            registry: pin.run.registry,
            name: pin.name().to_owned(),
            version: pin.lock.version.clone(),
            dependencies: dependencies(&pin.lock),
            installation: pin.lock.folder_name(),
            files: pin.size.map(|size| size.files),
            bytes: pin.size.map(|size| size.bytes),
            pinned_at: pin.pinned_at,
            cures: pin.cures.clone(),
            previous_version: pin.previous.as_ref().map(|previous| previous.pin.lock.version.clone()),
        })
    }

    /// The installations that servers run or may be rolled back to, by name; of servers that `name_of` has no name for,
    /// none.
    pub(crate) fn installations(&self, name_of: impl Fn(ServerId) -> Option<String>) -> Vec<InstalledPackage> {
        let mut found = BTreeMap::new();
        for (id, pin) in self.pins.lock().iter() {
            let Some(name) = name_of(*id) else { continue };
            let previous = pin.previous.as_ref().map(|previous| (&previous.pin, true));
            for (pin, is_previous) in [(&**pin, false)].into_iter().chain(previous) {
                let installation = found.entry(pin.lock.folder_name()).or_insert_with(|| installation(pin));
                installation.servers.push(PackageUser { id: *id, name: name.clone(), is_previous });
            }
        }
        let mut all: Vec<_> = found.into_values().collect();
        all.iter_mut().for_each(|one| one.servers.sort_by_key(|user| (user.is_previous, user.id)));
        all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        all
    }

    /// The versions that a server runs of `run`, and those that there are now; changes nothing.
    pub(crate) async fn available(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
    ) -> Result<AvailableVersions> {
        let pin = self.present(id, run)?;
        let (_, lock) = self.newest(&pin, installers, &|_: &str| {}).await.map_err(not_updated)?;
        Ok(difference(&pin, &lock))
    }

    /// Installs the versions that there are now of `run`, beside those that a server runs; `note` hears of what takes
    /// long.
    pub(crate) async fn install_newest(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<(AvailableVersions, Versions)> {
        let pin = self.present(id, run)?;
        let (wanted, lock) = self.newest(&pin, installers, note).await.map_err(not_updated)?;
        let found = difference(&pin, &lock);
        let installed = self.installations.install(&lock, installers, note).await.map_err(not_updated)?;
        Ok((found, Versions(Arc::new(Pin::new(wanted, lock, installed)))))
    }

    /// The newest versions for a pin: with what cured those before, or without where the newest cannot be had with it.
    async fn newest(
        &self,
        pin: &Pin,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<(Wanted, Lock), String> {
        // Of a day in the past, nothing is ever new.
        let lasting = pin.cures.iter().filter(|cure| !matches!(cure.remedy, PackageRemedy::AsOf(_))).cloned().collect();
        match self.resolved(self.wanted(pin.run.clone(), lasting), installers, note).await {
            Err(_) if !pin.cures.is_empty() => {
                self.resolved(self.wanted(pin.run.clone(), Vec::new()), installers, note).await
            }
            resolved => resolved,
        }
    }

    /// Has a process run these versions, whatever its server runs.
    pub(crate) fn lend(&self, process: ServerId, versions: &Versions) -> PinLoan<'_> {
        self.loans.lock().insert(process, versions.0.clone());
        PinLoan { process, packages: self }
    }

    /// True for a process that has a pin on loan.
    pub(crate) fn has_loan(&self, process: ServerId) -> bool {
        self.loans.lock().contains_key(&process)
    }

    /// The versions that a server ran before, of `run`, and the tools that were accepted with them.
    pub(crate) fn previous(&self, id: ServerId, run: &PackageRun) -> Result<(AvailableVersions, Versions, Pins)> {
        let pin = self.present(id, run)?;
        let Some(Previous { pin: before, tools }) = pin.previous.as_deref().filter(|previous| previous.pin.run == *run)
        else {
            return Err(Error::Conflict("there are no versions of its package to roll back to".into()));
        };
        Ok((difference(&pin, &before.lock), Versions(Arc::new(before.clone())), tools.clone()))
    }

    /// The versions that a server runs.
    pub(crate) fn current(&self, id: ServerId, run: &PackageRun) -> Result<Versions> {
        self.present(id, run).map(Versions)
    }

    /// Has a server run `versions` from its next process on, instead of those with which `tools` were accepted.
    pub(crate) async fn replace(
        &self,
        entry: AuditEntry,
        id: ServerId,
        (before, tools): (&Versions, &Pins),
        versions: &Versions,
    ) -> Result<()> {
        let pin = Arc::new(versions.0.after(&before.0, tools));
        self.keep(Some(entry), id, pin).await
    }

    /// Has a server run what it ran before [`Packages::replace`], as if that had never been.
    pub(crate) async fn put_back(&self, entry: AuditEntry, id: ServerId, before: &Versions) -> Result<()> {
        self.keep(Some(entry), id, before.0.clone()).await
    }

    /// Notes that a server was not moved to these versions, and why.
    pub(crate) fn hold(&self, id: ServerId, versions: AvailableVersions, reason: String) {
        self.held.lock().insert(id, (versions, reason));
    }

    /// True where a server was not moved to just these versions.
    pub(crate) fn is_held(&self, id: ServerId, versions: &AvailableVersions) -> bool {
        self.held.lock().get(&id).is_some_and(|(held, _)| held == versions)
    }

    /// The versions that a server was not moved to.
    pub(crate) fn held(&self, id: ServerId) -> Option<HeldUpdate> {
        let held = self.held.lock();
        held.get(&id)
            .map(|(versions, reason)| HeldUpdate { available: versions.available.clone(), reason: reason.clone() })
    }

    fn present(&self, id: ServerId, run: &PackageRun) -> Result<Arc<Pin>> {
        let none = || Error::Conflict("it runs no package yet: start it, and it runs what there is then".into());
        self.pin_of(id, run).ok_or_else(none)
    }
}

fn difference(pin: &Pin, lock: &Lock) -> AvailableVersions {
    let packages = contents::differences(&pin.lock, lock);
    AvailableVersions {
        name: pin.name().to_owned(),
        version: pin.lock.version.clone(),
        available: lock.version.clone(),
        is_other: pin.lock.folder_name() != lock.folder_name(),
        packages,
    }
}

fn installation(pin: &Pin) -> InstalledPackage {
    InstalledPackage {
        installation: pin.lock.folder_name(),
        registry: pin.run.registry,
        name: pin.name().to_owned(),
        version: pin.lock.version.clone(),
        dependencies: dependencies(&pin.lock),
        files: pin.size.map(|size| size.files),
        bytes: pin.size.map(|size| size.bytes),
        servers: Vec::new(),
    }
}

fn dependencies(lock: &Lock) -> usize {
    contents::packages(lock).values().map(|versions| versions.len()).sum::<usize>().saturating_sub(1)
}

/// The failure of an update before anything was changed.
fn not_updated(reason: String) -> Error {
    Error::SpawnFailed { reason: format!("was not updated: {reason}"), stderr: Vec::new() }
}
