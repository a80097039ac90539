//! Files beside installations that tell what those were resolved from: an export, which knows no database, is made by
//! them, and a server whose command line something was imported for runs that.

use std::{fs, io, path::Path};

use super::{
    installation::{Store, entries, make, name_of},
    pin::Pin,
};
use crate::{model::PackageRun, policy::package, secrets::private_file};

/// Origin of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its registry.
    Registry,
    /// An archive of another machine.
    Archive,
}

impl Origin {
    /// The folder of resolutions of this origin.
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Registry => "resolved",
            Self::Archive => "imported",
        }
    }
}

impl Store {
    /// Writes down what was resolved, without what a server gives to the program. Blocks.
    pub(super) fn note_resolution(&self, origin: Origin, pin: &Pin) -> io::Result<()> {
        let run = PackageRun { program: None, args: Vec::new(), ..pin.run.clone() };
        let pin = Pin { run, previous: None, ..pin.clone() };
        let folder = self.root.join(origin.folder());
        make(&folder)?;
        let name = format!("{}-{}.json", name_of(pin.lock.registry), pin.lock.folder_name());
        private_file::replace(&folder.join(name), &serde_json::to_string(&pin)?)
    }

    /// Resolutions of installations that are complete. Blocks.
    pub(super) fn resolutions(&self, origin: Origin) -> io::Result<Vec<Pin>> {
        let mut found = Vec::new();
        for file in entries(&self.root.join(origin.folder()))? {
            if let Some(pin) = pin_in(&file)
                && self.manifest(&pin.lock)?.is_some()
            {
                found.push(pin);
            }
        }
        Ok(found)
    }

    /// The newest import that will do for a command line. Blocks.
    pub(super) fn imported_for(&self, run: &PackageRun) -> io::Result<Option<Pin>> {
        let imported = self.resolutions(Origin::Archive)?.into_iter();
        let fitting = imported.filter(|pin| package::is_met(run, &pin.run, &pin.lock.version));
        Ok(fitting.max_by_key(|pin| pin.pinned_at))
    }

    /// Removes resolutions whose installation is gone. Blocks.
    pub(super) fn collect_resolutions(&self) -> io::Result<()> {
        for origin in [Origin::Registry, Origin::Archive] {
            for file in entries(&self.root.join(origin.folder()))? {
                if !pin_in(&file).is_some_and(|pin| self.folder(&pin.lock).exists()) {
                    fs::remove_file(file)?;
                }
            }
        }
        Ok(())
    }
}

/// The pin in a file; `None` where it cannot be read.
fn pin_in(file: &Path) -> Option<Pin> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}
