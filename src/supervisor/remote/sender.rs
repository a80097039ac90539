//! [`LineSender`] of lines to a remote server.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Lines that may wait for the server.
const BACKLOG_LINES_MAX: usize = 1024;

/// Bytes of them, where it is more than one.
const BACKLOG_BYTES_MAX: usize = 32 << 20;

/// Queue of lines for the server. Dropping it ends the session, and with it every request in flight.
#[derive(Debug)]
pub struct LineSender {
    lines: mpsc::Sender<Queued>,
    waiting: Arc<AtomicUsize>,
}

/// A line that waits to be sent, and counts until it is.
#[derive(Debug)]
pub(super) struct Queued {
    pub line: Bytes,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.line.len(), Ordering::AcqRel);
    }
}

impl LineSender {
    /// The sender, and where its lines wait.
    pub(super) fn new() -> (Self, mpsc::Receiver<Queued>) {
        let (lines, queued) = mpsc::channel(BACKLOG_LINES_MAX);
        (Self { lines, waiting: Arc::default() }, queued)
    }

    /// Sends a line, a JSON-RPC message. `WouldBlock` where too much waits already, `BrokenPipe` once it is over;
    /// nothing was or will be sent then.
    pub fn send(&self, line: Bytes) -> io::Result<()> {
        let length = line.len();
        let before = self.waiting.fetch_add(length, Ordering::AcqRel);
        let queued = Queued { line, waiting: self.waiting.clone() };
        if before > 0 && before.saturating_add(length) > BACKLOG_BYTES_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.lines.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => io::ErrorKind::WouldBlock.into(),
            mpsc::error::TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}
