//! [`Place`]: the data of a runtime, held for itself alone.

use std::{fs::File, sync::Arc, time::Duration};

use actix::{Addr, Arbiter};
use parking_lot::Mutex;

use crate::{
    recorder::Recorder,
    supervisor::{Supervisor, messages::StopAll},
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
};

/// Time that calls in flight get once the servers have ended: they only have to be recorded.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// The database and the data folder, held for ourselves; given up in this order, so that who gets the folder gets both.
type Locks = (Recorder, File);

/// The data of a runtime, held for itself until it is stopped or dropped.
pub(super) struct Place {
    locks: Mutex<Option<Locks>>,
}

impl Place {
    /// Holds the database of `recorder`, and the folder that `lock` locks.
    pub(super) fn new(recorder: Recorder, lock: File) -> Self {
        Self { locks: Mutex::new(Some((recorder, lock))) }
    }

    /// Gives the data up; nothing where it was given up already.
    pub(super) fn leave(&self) {
        drop(self.take_locks());
    }

    /// Gives everything up once the servers have ended, where no one can wait for it. Does nothing if that is done.
    ///
    /// Calls in flight end with the servers, and are on record before the database is given up.
    pub(super) fn abandon(&self, arbiters: &Arbiters, lifecycle: Arc<Lifecycle>, supervisor: Addr<Supervisor>) {
        let (arbiters, locks) = (arbiters.take(), self.take_locks());
        let Some(first) = arbiters.first().map(Arbiter::handle) else { return };
        // Where this thread or the supervisor is gone, guards end the servers.
        first.spawn(async move {
            let _ = supervisor.send(StopAll).await;
            lifecycle.drain(RECORD_TIMEOUT).await;
            if let Some((recorder, _folder)) = locks {
                recorder.stop().await;
            }
            for arbiter in arbiters {
                arbiter.stop();
            }
        });
    }

    fn take_locks(&self) -> Option<Locks> {
        self.locks.lock().take()
    }
}
