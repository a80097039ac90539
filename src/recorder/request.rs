//! What the recorder is asked, and the room that takes in its queue.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    error::Result,
    model::{AuditEntry, ToolCall},
};

use super::job::Job;

/// Room in the queue, in units of [`UNIT`] bytes: 4096 small items, or 64 MiB of large ones.
pub(super) const QUEUE: u32 = 4096;
pub(super) const UNIT: usize = 16 << 10;

/// Where the answer goes.
pub(super) type Ack = oneshot::Sender<Result<()>>;

/// Something to do, and the room it takes in the queue until it is done.
pub(super) struct Request {
    pub(super) item: Item,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// What the recorder can be asked.
pub(super) enum Item {
    Call(ToolCall, Ack),
    Audit(AuditEntry, Ack),
    Write(Box<dyn Job>),
    Probe(Ack),
    Attend(Ack),
    Stop,
}
