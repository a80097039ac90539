//! [`Packages`]: installs what servers are started from, and keeps what each of them runs.

use std::{collections::HashMap, io, path::Path, sync::Arc};

use parking_lot::Mutex;

use super::{
    healing::Healing,
    installation::Store,
    installer::{self, Installer, InstallerCommand, InstallerSpec, Step},
    lock::Lock,
    npm,
    pin::{Pin, Wanted},
    pip,
    program::InstalledProgram,
    pypi,
};
use crate::{
    error::{Error, Result},
    model::{PackageCure, PackageRegistry, PackageRun, ServerId, Timestamp},
    policy::package,
    recorder::Recorder,
    secrets::{Keyring, context},
    store,
    supervisor::{self, ServersUser},
    tasks::blocking,
};

/// Packages of servers.
pub(crate) struct Packages {
    store: Store,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    pins: Mutex<HashMap<ServerId, Arc<Pin>>>,
    /// Held while a folder is installed, by its name.
    installing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    healing: Healing,
    /// Packages of npm whose install scripts are run.
    scripts: Vec<String>,
}

/// An installation that is complete.
struct Installed {
    /// The hash of all its files.
    digest: String,
    /// True when it was made just now.
    is_new: bool,
}

impl Packages {
    /// Packages in the data folder; of npm, install scripts of the packages named by `scripts` are run.
    pub(crate) fn new(data_dir: &Path, recorder: Recorder, keyring: Arc<Keyring>, scripts: Vec<String>) -> Self {
        let data_dir = supervisor::without_links(data_dir).unwrap_or_else(|| data_dir.to_owned());
        let store = Store { root: data_dir.join("packages") };
        Self {
            store,
            recorder,
            keyring,
            pins: Mutex::default(),
            installing: Mutex::default(),
            healing: Healing::default(),
            scripts,
        }
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
        let (store, pins) = (self.store.clone(), self.pins.lock().values().cloned().collect::<Vec<_>>());
        let kept = pins.iter().map(|pin| store.folder(&pin.lock)).collect();
        if let Err(reason) = off(move || store.collect(&kept)).await {
            log::warn!(reason; "old installations of packages could not be removed");
        }
    }

    /// Forgets a server that is removed.
    pub(crate) fn forget(&self, id: ServerId) {
        self.pins.lock().remove(&id);
        self.healing.forget(id);
    }

    /// The changes of what a server runs, by which it starts where it failed without.
    pub(crate) fn cures(&self, id: ServerId) -> Vec<PackageCure> {
        self.pins.lock().get(&id).map(|pin| pin.cures.clone()).unwrap_or_default()
    }

    /// Hears the last lines of a server that failed. Where they show a reason that is known, its next start has its
    /// package resolved again with what cures that, once; the text says so.
    pub(crate) fn heal(&self, id: ServerId, lines: &[String]) -> Option<String> {
        let pin = self.pins.lock().get(&id).cloned()?;
        let cure = package::cure(&pin.run, lines)?;
        let is_new = pin.cures.iter().all(|tried| tried.remedy != cure.remedy) && self.healing.propose(id, &cure);
        is_new.then(|| {
            let PackageCure { remedy, line } = &cure;
            format!("its package is resolved again with {remedy}, once, as that cures this failure: {line}")
        })
    }

    /// The program that a server runs: what is pinned, or what `run` is resolved to now; installed where it is not, and
    /// checked. `user` can pass to it then, and `note` hears of what takes long. The error is for people.
    pub(crate) async fn program(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
        user: Option<ServersUser>,
        note: impl Fn(&str),
    ) -> Result<InstalledProgram, String> {
        let pinned = self.pins.lock().get(&id).filter(|pin| pin.run == *run).cloned();
        let pin = match pinned {
            Some(pin) => match self.cured(id, &pin, installers, &note).await {
                Some(cured) => cured,
                None => self.reinstalled(id, pin, installers, &note).await?,
            },
            None => {
                // What was tried was for another command line.
                self.healing.forget(id);
                let wanted = self.wanted(run.clone(), Vec::new());
                self.pin(id, wanted, installers, &note).await?
            }
        };
        self.healing.watch(id);
        let (store, run) = (self.store.clone(), run.clone());
        let located =
            move || Ok(InstalledProgram::located(&store, (installer_of(&pin.lock), &pin), &run, user.as_ref()));
        blocking(located).await.map_err(|error| error.to_string())?
    }

    /// The pin of a server with the cure that is due; `None` where there is none, or where it cannot be had.
    async fn cured(
        &self,
        id: ServerId,
        pin: &Pin,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Option<Arc<Pin>> {
        let cure = self.healing.take(id)?;
        let remedy = cure.remedy.to_string();
        let cures = pin.cures.iter().cloned().chain([cure]).collect();
        let cured = self.pin(id, self.wanted(pin.run.clone(), cures), installers, note).await;
        cured.map_err(|why| note(&format!("with {remedy} it cannot be had, so it stays as it is: {why}"))).ok()
    }

    /// The pin of a server, installed as it was.
    async fn reinstalled(
        &self,
        id: ServerId,
        pin: Arc<Pin>,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        let Installed { digest, is_new } = self.install(&pin.lock, installers, note).await?;
        if digest == pin.digest {
            return Ok(pin);
        }
        // What a compiler makes differs from one time to another.
        let runs_scripts = npm::scripts(&pin.lock).is_ok_and(|scripts| !scripts.is_empty());
        let is_of_another = || self.pins.lock().values().any(|other| other.lock == pin.lock && other.digest == digest);
        if runs_scripts && (is_new || is_of_another()) {
            note("its install scripts made other files than before, which it runs from now on");
            return self.keep(id, Pin { digest, ..Pin::clone(&pin) }).await;
        }
        Err(format!(
            "what the registry has of {} {} is not what was pinned: its files differ",
            name(&pin.run),
            pin.lock.version
        ))
    }

    async fn pin(
        &self,
        id: ServerId,
        wanted: Wanted,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        note(&format!("looking for {} in its registry", name(&wanted.run)));
        let lock = self.resolve(&wanted, installers).await?;
        let digest = self.install(&lock, installers, note).await?.digest;
        let Wanted { run, cures, .. } = wanted;
        let pin = self.keep(id, Pin { run, lock, digest, cures }).await?;
        note(&format!("{} {} is installed, and what it runs from now on", name(&pin.run), pin.lock.version));
        Ok(pin)
    }

    fn wanted(&self, run: PackageRun, cures: Vec<PackageCure>) -> Wanted {
        Wanted { run, cures, scripts: self.scripts.clone() }
    }

    async fn keep(&self, id: ServerId, pin: Pin) -> Result<Arc<Pin>, String> {
        let text = serde_json::to_string(&pin).map_err(|error| error.to_string())?;
        let kept = async {
            let (sealed, at) = (self.keyring.seal(&context::package(id), &text)?, Timestamp::now());
            self.recorder.commit(None, move |db| store::package_pins::put(db, id, &sealed, at)).await
        };
        kept.await.map_err(|error: Error| format!("the pin of its package could not be kept: {error}"))?;
        let pin = Arc::new(pin);
        self.pins.lock().insert(id, pin.clone());
        Ok(pin)
    }

    /// Resolves what a command line asks for.
    async fn resolve(&self, wanted: &Wanted, installers: &Arc<dyn InstallerSpec>) -> Result<Lock, String> {
        let (store, asked, available) = (self.store.clone(), wanted.clone(), installers.clone());
        let (installer, folder, steps) = off(move || {
            let installer = installer_for(asked.run.registry, &*available);
            let folder = store.scratch()?;
            let steps = (installer.begin)(&folder, &asked)?;
            Ok((installer, folder, steps))
        })
        .await?;
        let outcome = self.run(installer, steps, &folder, installers).await;
        let asked = wanted.clone();
        let read = off(move || {
            let lock = (installer.resolved)(&folder, &asked);
            supervisor::removal::remove(&folder)?;
            Ok(lock)
        });
        let lock = read.await?;
        outcome.map_err(|why| format!("{} could not be resolved: {why}", name(&wanted.run)))?;
        lock.map_err(|error| format!("{} could not be resolved: {error}", name(&wanted.run)))
    }

    /// Installs a lock where it is not installed yet, and checks what is.
    async fn install(
        &self,
        lock: &Lock,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Installed, String> {
        let alone = self.installing.lock().entry(lock.folder_name()).or_default().clone();
        let _alone = alone.lock().await;
        let (store, wanted) = (self.store.clone(), lock.clone());
        if let Some(digest) = off(move || checked(&store, &wanted)).await?? {
            return Ok(Installed { digest, is_new: false });
        }
        note(&format!("installing version {} of its package", lock.version));
        let (store, wanted, installer) = (self.store.clone(), lock.clone(), installer_of(lock));
        let (folder, steps) = off(move || {
            let folder = store.begin(&wanted)?;
            let steps = (installer.install)(&folder, &wanted)?;
            Ok((folder, steps))
        })
        .await?;
        let run = self.run(installer, steps, &folder, installers);
        run.await.map_err(|why| format!("it could not be installed: {why}"))?;
        let (store, wanted) = (self.store.clone(), lock.clone());
        let digest = off(move || store.complete(&wanted)).await?;
        Ok(Installed { digest, is_new: true })
    }

    /// Runs the steps of an installer in a folder, one after the other.
    async fn run(
        &self,
        installer: &Installer,
        steps: Vec<Step>,
        dir: &Path,
        installers: &Arc<dyn InstallerSpec>,
    ) -> Result<(), String> {
        for Step { program, args, is_apart } in steps {
            let store = self.store.clone();
            let home = off(move || if is_apart { store.scratch() } else { Ok(store.home()) }).await?;
            let command =
                InstallerCommand { program, env: installer.env, args, dir: dir.to_owned(), home: home.clone() };
            let outcome = installer::run(installers, command).await;
            if is_apart {
                off(move || supervisor::removal::remove(&home)).await?;
            }
            outcome?;
        }
        Ok(())
    }
}

/// The hash of a complete installation; `None` where there is none. The inner `Err` names a file that is not as it was
/// installed.
fn checked(store: &Store, lock: &Lock) -> io::Result<Result<Option<String>, String>> {
    let Some(manifest) = store.manifest(lock)? else { return Ok(Ok(None)) };
    let folder = store.folder(lock);
    Ok(match manifest.difference(&folder)? {
        None => Ok(Some(manifest.digest())),
        Some(file) => Err(format!(
            "its package is not as it was installed: {} differs; to install it again, remove {}",
            folder.join(file).display(),
            folder.display()
        )),
    })
}

/// The installer that resolves packages of a registry on this machine. Blocks.
fn installer_for(registry: PackageRegistry, available: &dyn InstallerSpec) -> &'static Installer {
    match registry {
        PackageRegistry::Npm => &npm::NPM,
        PackageRegistry::PyPi if available.has(pypi::PROGRAM) => &pypi::UV,
        PackageRegistry::PyPi => &pip::PIP,
    }
}

/// The installer that a lock is for.
fn installer_of(lock: &Lock) -> &'static Installer {
    match lock.registry {
        PackageRegistry::Npm => &npm::NPM,
        PackageRegistry::PyPi if lock.is_by_pip => &pip::PIP,
        PackageRegistry::PyPi => &pypi::UV,
    }
}

/// The name of the first package.
fn name(run: &PackageRun) -> &str {
    run.packages.first().map_or("", |package| &package.name)
}

/// Does work on files. The error is for people.
async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, String> {
    let done = blocking(move || Ok(work())).await.map_err(|error| error.to_string())?;
    done.map_err(|error| format!("the store of packages cannot be used: {error}"))
}
