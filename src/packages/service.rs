//! [`Packages`]: installs what servers are started from, and keeps what each of them runs.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{
    installation::{Installed, Store},
    installer::{self, InstallerCommand, InstallerSpec},
    lock::Lock,
    npm,
    pin::Pin,
    pypi,
};
use crate::{
    error::{Error, Result},
    model::{AuditEntry, PackageRegistry, PackageRun, ServerId, Timestamp},
    recorder::Recorder,
    secrets::{Keyring, context},
    store,
    supervisor::{self, ServersUser, guard::Spec},
    tasks::blocking,
};

/// Packages of servers.
pub(crate) struct Packages {
    store: Store,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    pub(super) pins: Mutex<HashMap<ServerId, Arc<Pin>>>,
    /// Pins of processes that are tried out, by the process.
    pub(super) loans: Mutex<HashMap<ServerId, Arc<Pin>>>,
    /// Servers whose package is being updated.
    pub(super) updating: Arc<Mutex<HashSet<ServerId>>>,
    /// Held while a folder is installed, by its name.
    installing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The program of an installed package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InstalledProgram {
    /// The installation.
    root: PathBuf,
    /// The folder of its programs.
    programs: PathBuf,
    /// The name of this one.
    name: String,
    /// Its arguments.
    args: Vec<String>,
}

impl InstalledProgram {
    /// The spec that runs it in place of its launcher, otherwise as `spec` says.
    pub(crate) fn instead_of_launcher(self, spec: &Spec) -> Spec {
        let mut spec = spec.clone();
        spec.program = self.programs.join(&self.name).display().to_string();
        spec.args = self.args;
        let rest = spec.env.get("PATH").map(|path| format!(":{path}")).unwrap_or_default();
        spec.env.insert("PATH".into(), format!("{}{rest}", self.programs.display()));
        if let Some(containment) = &mut spec.containment {
            containment.read.push(self.root);
        }
        spec
    }
}

impl Packages {
    /// Packages in the data folder.
    pub(crate) fn new(data_dir: &Path, recorder: Recorder, keyring: Arc<Keyring>) -> Self {
        let data_dir = supervisor::without_links(data_dir).unwrap_or_else(|| data_dir.to_owned());
        let store = Store { root: data_dir.join("packages") };
        let (pins, loans, updating, installing) = Default::default();
        Self { store, recorder, keyring, pins, loans, updating, installing }
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
        let kept = pins.iter().flat_map(|pin| pin.folders(&store)).collect();
        if let Err(reason) = off(move || store.collect(&kept)).await {
            log::warn!(reason; "old installations of packages could not be removed");
        }
    }

    /// Forgets a server that is removed.
    pub(crate) fn forget(&self, id: ServerId) {
        self.pins.lock().remove(&id);
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
        let pinned = self.pin_of(id, run);
        let pin = match pinned {
            Some(pin) => {
                let installed = self.install(&pin.lock, installers, &note).await?;
                if installed.digest != pin.digest {
                    return Err(format!(
                        "what the registry has of {} {} is not what was pinned: its files differ",
                        name(run),
                        pin.lock.version
                    ));
                }
                pin
            }
            None => self.pin(id, run, installers, &note).await?,
        };
        let (store, run) = (self.store.clone(), run.clone());
        blocking(move || Ok(located(&store, &pin, &run, user.as_ref()))).await.map_err(|error| error.to_string())?
    }

    /// The pin of a server, or of a process that has one on loan, if it is one of `run`.
    pub(super) fn pin_of(&self, id: ServerId, run: &PackageRun) -> Option<Arc<Pin>> {
        let on_loan = self.loans.lock().get(&id).cloned();
        on_loan.or_else(|| self.pins.lock().get(&id).cloned()).filter(|pin| pin.run == *run)
    }

    /// Keeps the pin of a server in place of the one before.
    pub(super) async fn keep(&self, entry: Option<AuditEntry>, id: ServerId, pin: Arc<Pin>) -> Result<()> {
        let text = serde_json::to_string(&*pin).map_err(|error| Error::Internal(error.to_string()))?;
        let (sealed, at) = (self.keyring.seal(&context::package(id), &text)?, Timestamp::now());
        self.recorder.commit(entry, move |db| store::package_pins::put(db, id, &sealed, at)).await?;
        self.pins.lock().insert(id, pin);
        Ok(())
    }

    async fn pin(
        &self,
        id: ServerId,
        run: &PackageRun,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Arc<Pin>, String> {
        note(&format!("looking for {} in its registry", name(run)));
        let lock = self.resolve(run, installers).await?;
        let installed = self.install(&lock, installers, note).await?;
        let pin = Arc::new(Pin::new(run.clone(), lock, installed));
        let kept = self.keep(None, id, pin.clone()).await;
        kept.map_err(|error| format!("the pin of its package could not be kept: {error}"))?;
        note(&format!("{} {} is installed, and what it runs from now on", name(run), pin.lock.version));
        Ok(pin)
    }

    /// Resolves what a command line asks for.
    pub(super) async fn resolve(&self, run: &PackageRun, installers: &Arc<dyn InstallerSpec>) -> Result<Lock, String> {
        let (store, wanted) = (self.store.clone(), run.clone());
        let (folder, args) = off(move || {
            let folder = store.scratch()?;
            let args = match wanted.registry {
                PackageRegistry::Npm => npm::begin_resolving(&folder, &wanted)?,
                PackageRegistry::PyPi => pypi::begin_resolving(&folder, &wanted)?,
            };
            Ok((folder, args))
        })
        .await?;
        let outcome = installer::run(installers, self.command(run.registry, args, &folder)).await;
        let wanted = run.clone();
        let read = off(move || {
            let lock = match wanted.registry {
                PackageRegistry::Npm => npm::resolved(&folder, &wanted),
                PackageRegistry::PyPi => pypi::resolved(&folder, &wanted),
            };
            supervisor::removal::remove(&folder)?;
            Ok(lock)
        });
        let lock = read.await?;
        outcome.map_err(|why| format!("{} could not be resolved: {why}", name(run)))?;
        lock.map_err(|error| format!("{} could not be resolved: {error}", name(run)))
    }

    /// Installs a lock where it is not installed yet, and checks what is.
    pub(super) async fn install(
        &self,
        lock: &Lock,
        installers: &Arc<dyn InstallerSpec>,
        note: &impl Fn(&str),
    ) -> Result<Installed, String> {
        let alone = self.installing.lock().entry(lock.folder_name()).or_default().clone();
        let _alone = alone.lock().await;
        let (store, wanted) = (self.store.clone(), lock.clone());
        if let Some(installed) = off(move || checked(&store, &wanted)).await?? {
            return Ok(installed);
        }
        note(&format!("installing version {} of its package", lock.version));
        let (store, wanted) = (self.store.clone(), lock.clone());
        let folder = off(move || store.begin(&wanted)).await?;
        let uses = match lock.registry {
            PackageRegistry::Npm => vec![npm::installing()],
            PackageRegistry::PyPi => pypi::installing(lock.python.as_deref()).into(),
        };
        for args in uses {
            let command = self.command(lock.registry, args, &folder);
            installer::run(installers, command).await.map_err(|why| format!("it could not be installed: {why}"))?;
        }
        let (store, wanted) = (self.store.clone(), lock.clone());
        off(move || store.complete(&wanted)).await
    }

    fn command(&self, registry: PackageRegistry, args: Vec<String>, dir: &Path) -> InstallerCommand {
        let (program, env): (_, &[_]) = match registry {
            PackageRegistry::Npm => ("npm", &[]),
            PackageRegistry::PyPi => ("uv", &pypi::VARIABLES),
        };
        InstallerCommand { program, env, args, dir: dir.to_owned(), home: self.store.home() }
    }
}

/// A complete installation; `None` where there is none. The inner `Err` names a file that is not as it was
/// installed.
fn checked(store: &Store, lock: &Lock) -> io::Result<Result<Option<Installed>, String>> {
    let Some(manifest) = store.manifest(lock)? else { return Ok(Ok(None)) };
    let folder = store.folder(lock);
    Ok(match manifest.difference(&folder)? {
        None => Ok(Some(Installed::of(&manifest))),
        Some(file) => Err(format!(
            "its package is not as it was installed: {} differs; to install it again, remove {}",
            folder.join(file).display(),
            folder.display()
        )),
    })
}

fn located(store: &Store, pin: &Pin, run: &PackageRun, user: Option<&ServersUser>) -> Result<InstalledProgram, String> {
    let root = store.folder(&pin.lock);
    let programs = root.join(match run.registry {
        PackageRegistry::Npm => npm::PROGRAMS,
        PackageRegistry::PyPi => pypi::PROGRAMS,
    });
    let program = match (&run.program, run.registry) {
        (Some(program), _) => program.clone(),
        (None, PackageRegistry::Npm) => npm::own_program(&root, name(run)).map_err(|error| error.to_string())?,
        (None, PackageRegistry::PyPi) => name(run).to_owned(),
    };
    if !programs.join(&program).is_file() {
        return Err(format!("{} {} has no program {program}", name(run), pin.lock.version));
    }
    if let Some(user) = user {
        store.let_pass(&pin.lock).map_err(|error| format!("the store of packages cannot be opened: {error}"))?;
        user.try_way(&programs).map_err(|why| {
            format!("{why} on the way to its package; allow it (`chmod o+x`), or set MCP_LAUNCHERS to keep")
        })?;
    }
    Ok(InstalledProgram { root, programs, name: program, args: run.args.clone() })
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
