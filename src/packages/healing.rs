//! [`Healing`]: cures of packages that failed at start for a reason that is known.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::{
    model::{PackageCure, ServerId},
    policy::package::{CureChange, KnownCure},
};

/// Cures that are due, and those that were tried, each once.
#[derive(Default)]
pub(super) struct Healing(Mutex<HashMap<ServerId, Attempts>>);

#[derive(Default)]
struct Attempts {
    due: Option<KnownCure>,
    tried: Vec<CureChange>,
    /// True for versions that were found just now, and that have not yet been seen to work.
    is_untried: bool,
}

impl Healing {
    /// Begins to watch a server whose package's program is about to run.
    pub(super) fn watch(&self, id: ServerId) {
        self.0.lock().entry(id).or_default();
    }

    /// Hears that a server is to run versions that were found just now.
    pub(super) fn found(&self, id: ServerId) {
        self.0.lock().entry(id).or_default().is_untried = true;
    }

    /// Hears that a server was ready.
    pub(super) fn worked(&self, id: ServerId) {
        if let Some(attempts) = self.0.lock().get_mut(&id) {
            attempts.is_untried = false;
        }
    }

    /// True for a change that may be tried for a server that has these cures: each once; other versions of everything
    /// only where those that there are were never seen to work.
    pub(super) fn may_try(&self, id: ServerId, cures: &[PackageCure], change: &CureChange) -> bool {
        let servers = self.0.lock();
        let Some(Attempts { tried, is_untried, .. }) = servers.get(&id) else { return false };
        let is_known = tried.contains(change) || change.is_in(cures.iter().map(|cure| &cure.remedy));
        !is_known && (*is_untried || *change != CureChange::DayAfterRelease)
    }

    /// Has the next start of a server try a cure.
    pub(super) fn propose(&self, id: ServerId, cure: &KnownCure) {
        let mut servers = self.0.lock();
        let attempts = servers.entry(id).or_default();
        attempts.tried.push(cure.change.clone());
        attempts.due = Some(cure.clone());
    }

    /// The cure that is due, which is tried now.
    pub(super) fn take(&self, id: ServerId) -> Option<KnownCure> {
        self.0.lock().get_mut(&id)?.due.take()
    }

    /// Forgets a server, or what was tried for another command line of it.
    pub(super) fn forget(&self, id: ServerId) {
        self.0.lock().remove(&id);
    }
}
