//! [`IsolatedProcesses`]: every process for one user or one session, by its key, within bounds for each user.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

use crate::{
    error::{Error, Result},
    model::ServerId,
    placement::{
        isolated_process::{IsolatedProcess, Lease},
        process_key::ProcessKey,
    },
    registry::Registered,
};

/// Isolated processes that one user may have running: each is a whole process tree.
pub(super) const PROCESSES_PER_USER_MAX: usize = 16;

/// Places that one user may have for them, to wait for events or requests; most have no process yet.
const PLACES_PER_USER_MAX: usize = 256;

/// Every isolated process.
#[derive(Default)]
pub(super) struct IsolatedProcesses(Mutex<HashMap<ProcessKey, Arc<IsolatedProcess>>>);

impl IsolatedProcesses {
    /// The process of this key, made where there is none.
    pub(super) fn get(&self, key: ProcessKey, server: &Arc<Registered>) -> Result<Arc<IsolatedProcess>> {
        // Counts as a use, so that it is not taken for idle at this very moment.
        self.lease(key, server).map(|lease| lease.process().clone())
    }

    /// The process of this key in use, made where there is none.
    pub(super) fn lease(&self, key: ProcessKey, server: &Arc<Registered>) -> Result<Lease> {
        let mut processes = self.0.lock();
        if let Some(process) = processes.get(&key) {
            return Ok(Lease::new(process.clone()));
        }
        if processes.keys().filter(|one| one.user == key.user).count() >= PLACES_PER_USER_MAX {
            return Err(Error::Busy("the user has as many servers isolated as there may be; end some sessions"));
        }
        let process = Arc::new(IsolatedProcess::new(key.clone(), server.clone()));
        processes.insert(key, process.clone());
        Ok(Lease::new(process))
    }

    /// Marks a process as one that should run; `Busy` where its user has as many as they may have.
    pub(super) fn admit(&self, process: &IsolatedProcess) -> Result<()> {
        let processes = self.0.lock();
        let running =
            |one: &&Arc<IsolatedProcess>| one.key.user == process.key.user && one.started.load(Ordering::Relaxed);
        if processes.values().filter(running).count() >= PROCESSES_PER_USER_MAX {
            return Err(Error::Busy("the user has as many processes of their own as there may be; end some sessions"));
        }
        process.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The server that a process is one of; `None` where the id is no isolated process's.
    pub(super) fn server_of(&self, id: ServerId) -> Option<ServerId> {
        self.0.lock().values().find(|process| process.id == id).map(|process| process.server.id)
    }

    /// Those that `wanted` holds for.
    pub(super) fn find(&self, wanted: impl Fn(&IsolatedProcess) -> bool) -> Vec<Arc<IsolatedProcess>> {
        self.0.lock().values().filter(|process| wanted(process)).cloned().collect()
    }

    /// Takes those out that `unwanted` holds for.
    pub(super) fn take(&self, unwanted: impl Fn(&IsolatedProcess) -> bool) -> Vec<Arc<IsolatedProcess>> {
        self.0.lock().extract_if(|_, process| unwanted(process)).map(|(_, process)| process).collect()
    }
}
