//! [`Healing`]: cures of packages that failed at start for a reason that is known.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::model::{PackageCure, PackageRemedy, ServerId};

/// Cures that are due, and those that were tried, each once.
#[derive(Default)]
pub(super) struct Healing(Mutex<HashMap<ServerId, Attempts>>);

#[derive(Default)]
struct Attempts {
    due: Option<PackageCure>,
    tried: Vec<PackageRemedy>,
}

impl Healing {
    /// Begins to watch a server whose package's program is about to run.
    pub(super) fn watch(&self, id: ServerId) {
        self.0.lock().entry(id).or_default();
    }

    /// Has the next start of a server try a cure; false where that was tried, or where it is not watched.
    pub(super) fn propose(&self, id: ServerId, cure: &PackageCure) -> bool {
        let mut servers = self.0.lock();
        let Some(attempts) = servers.get_mut(&id) else { return false };
        let is_new = !attempts.tried.contains(&cure.remedy);
        if is_new {
            attempts.tried.push(cure.remedy.clone());
            attempts.due = Some(cure.clone());
        }
        is_new
    }

    /// The cure that is due, which is tried now.
    pub(super) fn take(&self, id: ServerId) -> Option<PackageCure> {
        self.0.lock().get_mut(&id)?.due.take()
    }

    /// Forgets a server, or what was tried for another command line of it.
    pub(super) fn forget(&self, id: ServerId) {
        self.0.lock().remove(&id);
    }
}
