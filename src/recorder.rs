//! The recorder: commits finished calls, audit entries and every other write, in groups, on a thread of its own.

use crate::{
    error::Result,
    model::{AuditEntry, ToolCall},
    store::{Connection, Store},
};

/// A handle on the recorder; cheap to clone.
#[derive(Clone)]
pub struct Recorder {}

impl Recorder {
    /// Starts the writer thread on a connection of its own. Blocks until it is open.
    pub fn start(_store: &Store) -> Result<Self> {
        unimplemented!()
    }

    /// `Ok` where the database took a write a moment ago; otherwise tries one now.
    pub async fn ready(&self) -> Result<()> {
        unimplemented!()
    }

    /// Records a finished call; returns once it is committed.
    pub async fn call(&self, _call: ToolCall) -> Result<()> {
        unimplemented!()
    }

    /// Records an audit entry; returns once it is committed.
    pub async fn audit(&self, _entry: AuditEntry) -> Result<()> {
        unimplemented!()
    }

    /// Runs `work` and records `entry` in one transaction; returns once it is committed. Neither happens on `Err`.
    pub async fn write<T: Send + 'static>(
        &self,
        _entry: Option<AuditEntry>,
        _work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        unimplemented!()
    }

    /// Commits what is queued and ends the thread.
    pub async fn stop(&self) {}
}
