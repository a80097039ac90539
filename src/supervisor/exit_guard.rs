//! [`ExitGuard`]: reports an exit, whatever happens.

use actix::Recipient;

use crate::{
    model::ServerId,
    supervisor::{
        exit::{Exit, ExitSlot},
        messages::ChildExited,
    },
};

/// Tells the supervisor that a process and all it started are gone: when dropped, so a panic is an exit like any other.
pub(super) struct ExitGuard {
    pub id: ServerId,
    pub generation: u64,
    pub supervisor: Recipient<ChildExited>,
    /// The first reason given wins; where none was, the actor ended in a panic.
    pub reason: ExitSlot,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let exit = self.reason.take().unwrap_or_else(|| Exit::Lost("a defect ended its actor".into()));
        self.supervisor.do_send(ChildExited { id: self.id, generation: self.generation, exit });
    }
}
