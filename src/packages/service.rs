//! [`Packages`]: installs what servers are started from, and keeps what each of them runs.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;

use super::{
    healing::Healing,
    installation::{Installed, Store},
    installations::{self, Installations, off},
    installer::InstallerSpec,
    lock::Lock,
    npm,
    pin::{Pin, Wanted},
    program::InstalledProgram,
    pypi,
    resolutions::Origin,
};
use crate::{
    error::{Error, Result},
    model::{AuditEntry, AvailableVersions, PackageCure, PackageRemedy, PackageRun, ServerId, Timestamp},
    policy::package::{self, CureChange, KnownCure},
    recorder::Recorder,
    secrets::{Keyring, context},
    store,
    supervisor::ServersUser,
    tasks::blocking,
};

/// Packages of servers.
pub(crate) struct Packages {
    pub(super) installations: Installations,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    pub(super) pins: Mutex<HashMap<ServerId, Arc<Pin>>>,
    /// Pins of processes that are tried out, by the process.
    pub(super) loans: Mutex<HashMap<ServerId, Arc<Pin>>>,
    /// Servers whose package is being updated.
    pub(super) updating: Arc<Mutex<HashSet<ServerId>>>,
    /// Versions that servers which follow their packages were not moved to, and why.
    pub(super) held: Mutex<HashMap<ServerId, (AvailableVersions, String)>>,
    healing: Healing,
    /// Packages of npm whose install scripts are run.
    scripts: Vec<String>,
}

impl Packages {
    /// Packages in the data folder; of npm, install scripts of the packages named by `scripts` are run.
    pub(crate) fn new(data_dir: &Path, recorder: Recorder, keyring: Arc<Keyring>, scripts: Vec<String>) -> Self {
        let installations = Installations::new(Store::of(data_dir));
        let (pins, loans, updating, held, healing) = Default::default();
        Self { installations, recorder, keyring, pins, loans, updating, held, healing, scripts }
    }

    /// Takes the stored pins in place of those before.
    pub(crate) fn load(&self, stored: Vec<(ServerId, String)>) {
        let open = |(id, sealed): (ServerId, String)| {
            let text = self.keyring.open(&context::package(id), &sealed).ok();
            let pin = text.and_then(|text| serde_json::from_str(&text).ok()).map(Arc::new);
            if pin.is_none() {
                log::warn!(server:% = id; "the stored pin of its package cannot be read; it is resolved again");
            }
            Some((id, pin?))
        };
        *self.pins.lock() = stored.into_iter().filter_map(open).collect();
    }

    /// Removes what no server runs: installations that no pin names, and what was cut short. Before anything is
    /// started.
    pub(crate) async fn collect(&self) {
        let (store, pins) = (self.installations.store.clone(), self.pins.lock().values().cloned().collect::<Vec<_>>());
        let collected = off(move || {
            let imported = store.resolutions(Origin::Archive)?;
            let imported = imported.iter().map(|pin| store.folder(&pin.lock));
            let kept = pins.iter().flat_map(|pin| pin.folders(&store)).chain(imported).collect();
            store.collect(&kept)
        });
        if let Err(reason) = collected.await {
            log::warn!(reason; "old installations of packages could not be removed");
        }
    }

    /// Forgets a server that is removed.
    pub(crate) fn forget(&self, id: ServerId) {
        self.pins.lock().remove(&id);
        self.held.lock().remove(&id);
        self.healing.forget(id);
    }

    /// Hears the last lines of a server that failed. Where they show a reason that is known, its next start has its
    /// package resolved again with what cures that, once; the text says so.
    pub(crate) fn heal(&self, id: ServerId, lines: &[String]) -> Option<String> {
        let pin = self.pins.lock().get(&id).cloned()?;
        let cure = package::cure(&pin.run, lines, |change| self.healing.may_try(id, &pin.cures, change))?;
        self.healing.propose(id, &cure);
        Some(resolved_again(&cure))
    }

    /// Hears that a server was ready.
    pub(crate) fn worked(&self, id: ServerId) {
        self.healing.worked(id);
    }

    /// The program that a server runs: what is pinned, or what `run` is resolved to now; installed where it is not, and
    /// checked. `user` can pass to it then, and `note` hears of what takes long. `id` is that of the server, or of a
    /// process that has a pin on loan. The error is for people.
    pub(crate) async fn program(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
        user: Option<ServersUser>,
        note: impl Fn(&str),
    ) -> Result<InstalledProgram, String> {
        let pin = match self.pin_of(id, run) {
            Some(pin) => match self.cured(id, &pin, installers, &note).await {
                Some(cured) => cured,
                None => self.reinstalled(id, pin, installers, &note).await?,
            },
            None => {
                // What was tried was for another command line.
                self.healing.forget(id);
                let (wanted, kept) = (self.wanted(run.clone(), Vec::new()), |pin| pin);
                let pin = match self.imported(id, run, installers, &note).await? {
                    Some(imported) => imported,
                    None => self.pin(id, wanted, kept, installers, &note).await?,
                };
                self.healing.found(id);
                pin
            }
        };
        if !self.has_loan(id) {
            self.healing.watch(id);
        }
        let (store, run) = (self.installations.store.clone(), run.clone());
        let located = move || {
            let installer = installations::installer_of(&pin.lock);
            Ok(InstalledProgram::located(&store, (installer, &pin), &run, user.as_ref()))
        };
        blocking(located).await.map_err(|error| error.to_string())?
    }

    /// The pin of a server, or of a process that has one on loan, if it is one of `run`.
    pub(super) fn pin_of(&self, id: ServerId, run: &PackageRun) -> Option<Arc<Pin>> {
        let on_loan = self.loans.lock().get(&id).cloned();
        on_loan.or_else(|| self.pins.lock().get(&id).cloned()).filter(|pin| pin.run == *run)
    }

    /// Pins what an archive brought for a command line; `None` where none did.
    async fn imported(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Option<Arc<Pin>>, String> {
        let (store, wanted) = (self.installations.store.clone(), run.clone());
        let Some(found) = off(move || store.imported_for(&wanted)).await? else { return Ok(None) };
        let Installed { digest, size, .. } = self.installations.install(&found.lock, installers, note).await?;
        let (name, version) = (found.name().to_owned(), &found.lock.version);
        if digest != found.digest {
            return Err(format!("what is installed of {name} {version} is not what was imported: import it again"));
        }
        note(&format!("{name} {version} was imported, and is what it runs from now on"));
        let pin = Pin { run: run.clone(), size: Some(size), pinned_at: Some(Timestamp::now()), ..found };
        let pin = Arc::new(pin);
        self.keep(None, id, pin.clone()).await.map_err(not_kept)?;
        Ok(Some(pin))
    }

    /// The pin of a server with the cure that is due; `None` where there is none, or where it cannot be had.
    async fn cured(
        &self,
        id: ServerId,
        pin: &Pin,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Option<Arc<Pin>> {
        let KnownCure { change, line } = self.healing.take(id)?;
        let name = change.to_string();
        let cured = async {
            let remedy = match change {
                CureChange::Remedy(remedy) => remedy,
                CureChange::DayAfterRelease => {
                    PackageRemedy::AsOf(self.installations.day_after_release(pin, installers).await?)
                }
            };
            let cures = pin.cures.iter().cloned().chain([PackageCure { remedy, line }]).collect();
            let (wanted, lock) = self.resolved(self.wanted(pin.run.clone(), cures), installers, note).await?;
            if lock == pin.lock {
                return Err("nothing of it is another".to_owned());
            }
            let kept = |cured| Pin { previous: pin.previous.clone(), ..cured };
            self.pin_lock(id, (wanted, lock), kept, installers, note).await
        };
        cured.await.map_err(|why| note(&format!("with {name} it cannot be had, so it stays as it is: {why}"))).ok()
    }

    /// The pin of a server, installed as it was.
    async fn reinstalled(
        &self,
        id: ServerId,
        pin: Arc<Pin>,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        let Installed { digest, size, is_new } = self.installations.install(&pin.lock, installers, note).await?;
        if digest == pin.digest {
            return Ok(pin);
        }
        // What a compiler makes differs from one time to another, and so does what no lock has.
        let varies = pypi::installs_more(&pin.lock) || npm::scripts(&pin.lock).is_ok_and(|scripts| !scripts.is_empty());
        let is_of_another = || self.pins.lock().values().any(|other| other.lock == pin.lock && other.digest == digest);
        if varies && !self.has_loan(id) && (is_new || is_of_another()) {
            note("its installation has other files than before, which it runs from now on");
            let pin = Arc::new(Pin { digest, size: Some(size), ..Pin::clone(&pin) });
            self.keep(None, id, pin.clone()).await.map_err(not_kept)?;
            return Ok(pin);
        }
        Err(format!(
            "what the registry has of {} {} is not what was pinned: its files differ",
            pin.name(),
            pin.lock.version
        ))
    }

    /// Pins what is wanted to what it is resolved to now; `kept` adds what is to stay of the pin before.
    async fn pin(
        &self,
        id: ServerId,
        wanted: Wanted,
        kept: impl FnOnce(Pin) -> Pin,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        note(&format!("looking for {} in its registry", wanted.run.name()));
        let resolved = self.resolved(wanted, installers, note).await?;
        self.pin_lock(id, resolved, kept, installers, note).await
    }

    /// Pins what something was resolved to.
    async fn pin_lock(
        &self,
        id: ServerId,
        (wanted, lock): (Wanted, Lock),
        kept: impl FnOnce(Pin) -> Pin,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        let installed = self.installations.install(&lock, installers, note).await?;
        let pin = Arc::new(kept(Pin::new(wanted, lock, installed)));
        self.keep(None, id, pin.clone()).await.map_err(not_kept)?;
        note(&format!("{} {} is installed, and what it runs from now on", pin.name(), pin.lock.version));
        Ok(pin)
    }

    /// Resolves what is wanted; with what cures a known reason for which it cannot be without.
    pub(super) async fn resolved(
        &self,
        mut wanted: Wanted,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<(Wanted, Lock), String> {
        let why = match self.installations.resolve(&wanted, installers).await {
            Ok(lock) => return Ok((wanted, lock)),
            Err(why) => why,
        };
        let lines: Vec<_> = why.lines().map(str::to_owned).collect();
        let cure = package::cure_unresolved(&wanted.run, &lines)
            .filter(|cure| !cure.change.is_in(wanted.cures.iter().map(|cure| &cure.remedy)));
        let Some(KnownCure { change: CureChange::Remedy(remedy), line }) = cure.clone() else { return Err(why) };
        cure.iter().for_each(|cure| note(&resolved_again(cure)));
        let lacking = format!("{why}\nand with {remedy} it cannot be had on this machine: ");
        wanted.cures.push(PackageCure { remedy, line });
        let lock = self.installations.resolve(&wanted, installers).await;
        lock.map(|lock| (wanted, lock)).map_err(|again| lacking + &again)
    }

    /// The packages of a command line with these changes, as the operator lets them be installed.
    pub(super) fn wanted(&self, run: PackageRun, cures: Vec<PackageCure>) -> Wanted {
        Wanted { run, cures, scripts: self.scripts.clone() }
    }

    /// Keeps the pin of a server in place of the one before.
    pub(super) async fn keep(&self, entry: Option<AuditEntry>, id: ServerId, pin: Arc<Pin>) -> Result<()> {
        let text = serde_json::to_string(&*pin).map_err(|error| Error::Internal(error.to_string()))?;
        let (sealed, at) = (self.keyring.seal(&context::package(id), &text)?, Timestamp::now());
        self.recorder.commit(entry, move |db| store::package_pins::put(db, id, &sealed, at)).await?;
        self.held.lock().remove(&id);
        self.pins.lock().insert(id, pin.clone());
        let store = self.installations.store.clone();
        if let Err(reason) = off(move || store.note_resolution(Origin::Registry, &pin)).await {
            log::warn!(server:% = id, reason; "its package will not be exported: that cannot be noted");
        }
        Ok(())
    }
}

/// Note of a cure that is tried.
fn resolved_again(KnownCure { change, line }: &KnownCure) -> String {
    format!("its package is resolved again with {change}, once, as that cures this failure: {line}")
}

fn not_kept(error: Error) -> String {
    format!("the pin of its package could not be kept: {error}")
}
