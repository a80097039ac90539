//! [`Place`]: the data of a runtime, held for itself alone.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use parking_lot::Mutex;

use crate::{
    recorder::Recorder,
    store::FileLock,
    supervisor::{Supervisor, messages::StopAll},
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
};

/// Time that calls in flight get once the servers have ended: they only have to be recorded.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// The database and the data folder, held for ourselves; given up in this order, so that who gets the folder gets both.
type Locks = (Recorder, FileLock);

/// The data of a runtime, held for itself until it is stopped or dropped.
pub(super) struct Place {
    locks: Mutex<Option<Locks>>,
}

impl Place {
    /// Holds the database of `recorder`, and the folder that `lock` locks.
    pub(super) fn new(recorder: Recorder, lock: FileLock) -> Self {
        Self { locks: Mutex::new(Some((recorder, lock))) }
    }

    /// Gives the data up; nothing where it was given up already.
    pub(super) fn leave(&self) {
        drop(self.take_locks());
    }

    /// Gives everything up once the servers have ended, where no one can wait for it. Does nothing if that is done.
    ///
    /// Calls in flight end with the servers, and are on record before the database is given up.
    pub(super) fn abandon(&self, arbiters: Arc<Arbiters>, lifecycle: Arc<Lifecycle>, supervisor: Addr<Supervisor>) {
        let Some((recorder, folder)) = self.take_locks() else { return };
        let home = arbiters.handle().clone();
        home.spawn(async move {
            // Where the supervisor is gone, guards end the servers.
            let _ = supervisor.send(StopAll).await;
            lifecycle.drain(RECORD_TIMEOUT).await;
            recorder.stop().await;
            drop((recorder, folder));
            drop(arbiters);
        });
    }

    fn take_locks(&self) -> Option<Locks> {
        self.locks.lock().take()
    }
}
