//! [`Installations`]: resolves packages, and installs each lock once.

use std::{collections::HashMap, io, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    installation::{Installed, Store},
    installer::{self, Installer, InstallerCommand, InstallerSpec, Step},
    lock::Lock,
    npm,
    pin::{Pin, Wanted},
    pip, pypi,
};
use crate::{
    model::{PackageRegistry, Timestamp},
    supervisor,
    tasks::blocking,
};

/// Time after the release of a package in which its author may have mended what it needs.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// All installations.
pub(super) struct Installations {
    pub(super) store: Store,
    /// Held while a folder is installed, by its name.
    installing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Installations {
    /// Those in a store.
    pub(super) fn new(store: Store) -> Self {
        Self { store, installing: Mutex::default() }
    }

    /// Resolves what a command line asks for.
    pub(super) async fn resolve(&self, wanted: &Wanted, installers: &Arc<dyn InstallerSpec>) -> Result<Lock, String> {
        let (registry, available) = (wanted.run.registry, installers.clone());
        let installer = off(move || Ok(installer_for(registry, &*available))).await?;
        let (asked, read) = (wanted.clone(), wanted.clone());
        let begin = move |folder: &Path| (installer.begin)(folder, &asked);
        let lock = self.in_scratch(installer, installers, begin, move |folder| (installer.resolved)(folder, &read));
        lock.await.map_err(|why| format!("{} could not be resolved: {why}", wanted.run.name()))
    }

    /// The moment a day after the version of a pin was published.
    pub(super) async fn day_after_release(
        &self,
        pin: &Pin,
        installers: &Arc<dyn InstallerSpec>,
    ) -> Result<Timestamp, String> {
        if pin.lock.registry != PackageRegistry::PyPi || pin.lock.is_by_pip {
            return Err("that needs uv: install it".into());
        }
        let (name, lock) = (pin.name().to_owned(), pin.lock.clone());
        let begin = move |folder: &Path| pypi::begin_dating(folder, &name, &lock);
        let published = self.in_scratch(&pypi::UV, installers, begin, pypi::published).await?;
        Ok(published.plus(DAY))
    }

    /// Runs steps of an installer in a folder that goes afterwards; what is read from it.
    async fn in_scratch<T: Send + 'static>(
        &self,
        installer: &Installer,
        installers: &Arc<dyn InstallerSpec>,
        begin: impl FnOnce(&Path) -> io::Result<Vec<Step>> + Send + 'static,
        read: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let store = self.store.clone();
        let (folder, steps) = off(move || {
            let folder = store.scratch()?;
            let steps = begin(&folder)?;
            Ok((folder, steps))
        })
        .await?;
        let outcome = self.run(installer, steps, &folder, installers).await;
        let found = off(move || {
            let found = read(&folder);
            supervisor::removal::remove(&folder)?;
            Ok(found)
        });
        let found = found.await?;
        outcome?;
        found.map_err(|error| error.to_string())
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
        let (store, wanted, installer) = (self.store.clone(), lock.clone(), installer_of(lock));
        let available = installers.clone();
        let (folder, steps) = off(move || {
            let folder = store.begin(&wanted)?;
            let steps = (installer.install)(&folder, &wanted, &*available)?;
            Ok((folder, steps))
        })
        .await?;
        let run = self.run(installer, steps, &folder, installers);
        run.await.map_err(|why| format!("it could not be installed: {why}"))?;
        let (store, wanted) = (self.store.clone(), lock.clone());
        off(move || store.complete(&wanted)).await
    }

    /// Runs the steps of an installer in a folder, one after the other.
    async fn run(
        &self,
        installer: &Installer,
        steps: Vec<Step>,
        dir: &Path,
        installers: &Arc<dyn InstallerSpec>,
    ) -> Result<(), String> {
        for Step { program, args, is_apart, lacking } in steps {
            let store = self.store.clone();
            let home = off(move || if is_apart { store.scratch() } else { Ok(store.home()) }).await?;
            let command =
                InstallerCommand { program, env: installer.env, args, dir: dir.to_owned(), home: home.clone() };
            let outcome = installer::run(installers, command).await;
            if is_apart {
                off(move || supervisor::removal::remove(&home)).await?;
            }
            outcome.map_err(|why| lacking.map_or(why.clone(), |lacking| format!("{why}\n{lacking}")))?;
        }
        Ok(())
    }
}

/// A complete installation; `None` where there is none. The inner `Err` names a file that is not as it was
/// installed.
fn checked(store: &Store, lock: &Lock) -> io::Result<Result<Option<Installed>, String>> {
    let Some(manifest) = store.manifest(lock)? else { return Ok(Ok(None)) };
    let folder = store.folder(lock);
    Ok(match manifest.difference(&folder)? {
        None => Ok(Some(Installed::of(&manifest, false))),
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
        PackageRegistry::PyPi if available.find(pypi::PROGRAM).is_some() => &pypi::UV,
        PackageRegistry::PyPi => &pip::PIP,
    }
}

/// The installer that a lock is for.
pub(super) fn installer_of(lock: &Lock) -> &'static Installer {
    match lock.registry {
        PackageRegistry::Npm => &npm::NPM,
        PackageRegistry::PyPi if lock.is_by_pip => &pip::PIP,
        PackageRegistry::PyPi => &pypi::UV,
    }
}

/// Does work on files. The error is for people.
pub(super) async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, String> {
    let done = blocking(move || Ok(work())).await.map_err(|error| error.to_string())?;
    done.map_err(|error| format!("the store of packages cannot be used: {error}"))
}
