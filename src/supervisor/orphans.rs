//! Orphans: processes that become children of this one when their parents end. The first process of a container
//! inherits all of them, and each stays in the process table until it is waited for.

use std::{
    collections::BTreeSet,
    io,
    ops::{Deref, DerefMut},
    process::{Child, Command},
};

use parking_lot::Mutex;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};

use crate::supervisor::proc_table::{self, ProcStat};

/// Process ids of all guards of this process: their owners wait for them.
static GUARDS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The process of a guard, or of a program that is tried, which is no orphan until this is dropped.
pub(super) struct GuardProcess(Child);

impl GuardProcess {
    /// Starts one.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        // Held until it is known, or it would be an orphan for a moment.
        let mut guards = GUARDS.lock();
        let child = command.spawn()?;
        guards.insert(child.id());
        Ok(Self(child))
    }
}

impl Deref for GuardProcess {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for GuardProcess {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for GuardProcess {
    fn drop(&mut self) {
        GUARDS.lock().remove(&self.0.id());
    }
}

/// Waits for every orphan that has ended. Blocks for as long as it takes to read the process table. Not for a program
/// that has children of its own.
pub fn reap_orphans() {
    let this = getpid();
    let is_ended_child = |stat: ProcStat| stat.is_zombie && stat.parent == this.as_raw_nonzero().get();
    for pid in proc_table::pids().filter(|pid| ProcStat::of(*pid).is_some_and(is_ended_child)) {
        let guards = GUARDS.lock();
        let is_guard = u32::try_from(pid).is_ok_and(|pid| guards.contains(&pid));
        if let Some(orphan) = Pid::from_raw(pid).filter(|_| !is_guard) {
            // Its status is of no use, and a leader whose threads live on has none yet.
            let _ = waitid(WaitId::Pid(orphan), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}
