//! [`Pin`]: the versions that a server runs, until its owner decides otherwise.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    installation::{Installed, Store},
    lock::Lock,
    manifest::Size,
};
use crate::{
    model::{PackageCure, PackageRemedy, PackageRun, Timestamp},
    policy::pins::Pins,
};

/// Versions that a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// The packages that its command line asks for; for others it is no pin.
    pub(super) run: PackageRun,
    /// The files that they were resolved to.
    pub(super) lock: Lock,
    /// The hash of all that was installed.
    pub(super) digest: String,
    /// The size of that; `None` in pins of an older Ostler.
    #[serde(default)]
    pub(super) size: Option<Size>,
    /// When the server was given it; `None` in pins of an older Ostler.
    #[serde(default)]
    pub(super) pinned_at: Option<Timestamp>,
    /// Changes by which it starts where it failed without, oldest first.
    #[serde(default)]
    pub(super) cures: Vec<PackageCure>,
    /// The pin before, to go back to.
    #[serde(default)]
    pub(super) previous: Option<Box<Previous>>,
}

/// A pin that was replaced, and has none before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Previous {
    /// The pin.
    pub(super) pin: Pin,
    /// The tools that were accepted with it.
    pub(super) tools: Pins,
}

impl Pin {
    /// A pin of what was resolved and installed, with none before.
    pub(super) fn new(
        Wanted { run, cures, .. }: Wanted,
        lock: Lock,
        Installed { digest, size, .. }: Installed,
    ) -> Self {
        Self { run, lock, digest, size: Some(size), pinned_at: Some(Timestamp::now()), cures, previous: None }
    }

    /// The folders that must stay for it.
    pub(super) fn folders(&self, store: &Store) -> Vec<PathBuf> {
        let previous = self.previous.as_ref().map(|previous| store.folder(&previous.pin.lock));
        [store.folder(&self.lock)].into_iter().chain(previous).collect()
    }

    /// This pin in the place of `before`, whose tools were `tools`.
    pub(super) fn after(&self, before: &Self, tools: &Pins) -> Self {
        // Without definitions, which are long: hashes are enough to know a tool again.
        let previous = Previous { pin: Self { previous: None, ..before.clone() }, tools: tools.without_definitions() };
        Self { previous: Some(Box::new(previous)), pinned_at: Some(Timestamp::now()), ..self.clone() }
    }

    /// The name of the first package.
    pub(super) fn name(&self) -> &str {
        self.run.name()
    }
}

/// Packages that are to be resolved.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The packages that a command line asks for.
    pub(super) run: PackageRun,
    /// Changes of what they are resolved to.
    pub(super) cures: Vec<PackageCure>,
    /// Packages of npm whose install scripts are run where they are needed.
    pub(super) scripts: Vec<String>,
}

impl Wanted {
    /// The Python that it is to be installed for: what cured it, or what its owner named.
    pub(super) fn python(&self) -> Option<&str> {
        let cured = self.cures.iter().rev().find_map(|cure| match &cure.remedy {
            PackageRemedy::Python(versions) => Some(versions.as_str()),
            PackageRemedy::Bound(_)
            | PackageRemedy::Node(_)
            | PackageRemedy::InstallScript(_)
            | PackageRemedy::AsOf(_) => None,
        });
        cured.or(self.run.python.as_deref())
    }
}
