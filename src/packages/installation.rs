//! [`Store`]: the folder of all installations, each in one of its own.
//!
//! An installation is complete once its manifest is there, which is written last. What is not complete was cut short,
//! and is made again.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    lock::Lock,
    manifest::{FILE as MANIFEST, Manifest, Size},
};
use crate::{
    model::PackageRegistry,
    supervisor::{self, removal, temporary},
};

/// Permissions of folders on the way to installations, of folders and programs in one, and of other files there.
const PASSABLE: u32 = 0o711;
const RUN: u32 = 0o755;
const READ: u32 = 0o644;

/// Beginning of the names of folders in which something is resolved.
const SCRATCH: &str = "resolving-";

/// The folder of all installations.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// A path without links, below which everything is Ostler's.
    pub(super) root: PathBuf,
}

/// A complete installation.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    /// The hash of everything in it.
    pub(super) digest: String,
    /// Its size.
    pub(super) size: Size,
    /// True when it was made just now.
    pub(super) is_new: bool,
}

impl Installed {
    /// The installation that this is the manifest of.
    pub(super) fn of(manifest: &Manifest, is_new: bool) -> Self {
        Self { digest: manifest.digest(), size: manifest.size(), is_new }
    }
}

impl Store {
    /// That of a data folder.
    pub(super) fn of(data_dir: &Path) -> Self {
        let data_dir = supervisor::without_links(data_dir).unwrap_or_else(|| data_dir.to_owned());
        Self { root: data_dir.join("packages") }
    }

    /// The folder of a lock's installation.
    pub(super) fn folder(&self, lock: &Lock) -> PathBuf {
        self.registry(lock).join(lock.folder_name())
    }

    fn registry(&self, lock: &Lock) -> PathBuf {
        self.root.join(name_of(lock.registry))
    }

    /// Lets others pass to a lock's installation who can pass to this folder; they can list neither. Blocks.
    pub(super) fn let_pass(&self, lock: &Lock) -> io::Result<()> {
        [&self.root, &self.registry(lock)].into_iter().try_for_each(|folder| set_mode(folder, PASSABLE))
    }

    /// The home of installers, with what they downloaded.
    pub(super) fn home(&self) -> PathBuf {
        self.root.join("installer")
    }

    /// A new folder in which something is resolved.
    pub(super) fn scratch(&self) -> io::Result<PathBuf> {
        let folder = self.root.join(format!("{SCRATCH}{}", Uuid::new_v4().simple()));
        make(&folder)?;
        Ok(folder)
    }

    /// The manifest of an installation that is complete; `None` where there is none. Blocks.
    pub(super) fn manifest(&self, lock: &Lock) -> io::Result<Option<Manifest>> {
        match fs::read(self.folder(lock).join(MANIFEST)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all installations but those `kept` that are complete, and what else was cut short. Blocks.
    pub(super) fn collect(&self, kept: &HashSet<PathBuf>) -> io::Result<()> {
        temporary::remove_left(&self.root);
        for folder in entries(&self.root)? {
            if folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(SCRATCH)) {
                removal::remove(&folder)?;
            }
        }
        let registries =
            [PackageRegistry::Npm, PackageRegistry::PyPi].map(|registry| self.root.join(name_of(registry)));
        for registry in registries {
            for installation in entries(&registry)? {
                if !kept.contains(&installation) || !installation.join(MANIFEST).exists() {
                    removal::remove(&installation)?;
                }
            }
        }
        self.collect_resolutions()
    }

    /// Empties the folder of a lock and writes its files there. Blocks.
    pub(super) fn begin(&self, lock: &Lock) -> io::Result<PathBuf> {
        let folder = self.folder(lock);
        removal::remove(&folder)?;
        make(&folder)?;
        for (name, text) in &lock.files {
            fs::write(folder.join(name), text)?;
        }
        Ok(folder)
    }

    /// Completes an installation. Blocks.
    pub(super) fn complete(&self, lock: &Lock) -> io::Result<Installed> {
        Ok(Installed::of(&Self::seal(&self.folder(lock))?, true))
    }

    /// Writes the manifest of an installation that is whole. Blocks.
    pub(super) fn seal(folder: &Path) -> io::Result<Manifest> {
        let_read(folder)?;
        let manifest = Manifest::of(folder)?;
        let partial = folder.join(".manifest.partial");
        fs::write(&partial, serde_json::to_vec(&manifest)?)?;
        fs::File::open(&partial)?.sync_all()?;
        fs::rename(partial, folder.join(MANIFEST))?;
        Ok(manifest)
    }
}

/// The name of the folder of a registry's packages.
pub(super) const fn name_of(registry: PackageRegistry) -> &'static str {
    match registry {
        PackageRegistry::Npm => "npm",
        PackageRegistry::PyPi => "pypi",
    }
}

/// The entries of a folder; none where it is not there.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// Makes a folder that is Ostler's alone, and those above it.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Lets all who get there read a folder, and so makes its permissions the same whatever the umask was.
pub(super) fn let_read(folder: &Path) -> io::Result<()> {
    set_mode(folder, RUN)?;
    for place in entries(folder)? {
        let found = fs::symlink_metadata(&place)?;
        if found.is_dir() {
            let_read(&place)?;
        } else if found.is_file() {
            set_mode(&place, if found.permissions().mode() & 0o100 == 0 { READ } else { RUN })?;
        }
    }
    Ok(())
}

fn set_mode(place: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(place, Permissions::from_mode(mode))
}
