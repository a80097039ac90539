//! Requests to the recorder, and the room that they take in its queue.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    error::Result,
    model::{AuditEntry, ToolCall},
};

use super::job::Job;

/// Room in the queue, in units of [`BYTES_PER_UNIT`] bytes: 4096 small items, or 64 MiB of large ones.
pub(super) const QUEUE_UNITS_MAX: u32 = 4096;
pub(super) const BYTES_PER_UNIT: usize = 16 << 10;

/// Sender of the answer.
pub(super) type Ack = oneshot::Sender<Result<()>>;

/// Something to do, and the room it takes in the queue until it is done.
pub(super) struct QueuedItem {
    pub(super) item: RecorderItem,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// Kinds of requests.
pub(super) enum RecorderItem {
    Call(ToolCall, Ack),
    Audit(AuditEntry, Ack),
    Write(Box<dyn Job>),
    Probe(Ack),
    CheckConnection(Ack),
    Stop,
}
