//! A server that is reached over HTTP, seen as what a process is: lines go in, lines come out.
//!
//! [`connect`] knows Streamable HTTP in both eras and, where that is refused, the HTTP+SSE of 2024-11-05. Which era it is,
//! it tells by the lines: `initialize` opens a session, `_meta` with a revision needs none. One task drives it (`drive`),
//! each request is a task below that; `post` sends and reads answers, `listen` keeps the stream of what is no answer.

mod authority;
mod drive;
mod endpoint;
mod events;
mod failure;
mod listen;
mod older;
mod outgoing;
mod post;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::{
    mcp::{Frame, LineBudget, LineShare},
    supervisor::RemoteTarget,
};

pub use authority::{Authority, Renewal, Tokens};
pub use failure::{ADVICE, Failure};

/// Lines that may wait for the server.
const BACKLOG: usize = 1024;

/// Bytes of them, where it is more than one.
const BACKLOG_BYTES: usize = 32 << 20;

/// Messages that may wait to be taken in; beyond that, nothing more is read.
const UNREAD: usize = 16;

/// What comes of a remote server, in order.
#[derive(Debug)]
pub enum Heard {
    /// A message of the server.
    Frame(Frame),
    /// This request gets no other answer.
    Failed {
        /// Its id, as it was written.
        id: Box<RawValue>,
        /// Why.
        failure: Failure,
    },
    /// Something for whoever looks after the server.
    Said(String),
    /// The connection as a whole has ended, for this reason: nothing follows.
    Over(String),
}

/// Where lines for the server go. Dropping it ends the session, and with it everything under way.
#[derive(Debug)]
pub struct Sender {
    lines: mpsc::Sender<Queued>,
    waiting: Arc<AtomicUsize>,
}

/// A line that waits to be sent, and counts until it is.
#[derive(Debug)]
struct Queued {
    line: Bytes,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.line.len(), Ordering::AcqRel);
    }
}

impl Sender {
    /// Sends a line, a JSON-RPC message. `WouldBlock` where too much waits already, `BrokenPipe` once it is over; nothing
    /// was or will be sent then.
    pub fn send(&self, line: Bytes) -> io::Result<()> {
        let length = line.len();
        let before = self.waiting.fetch_add(length, Ordering::AcqRel);
        let queued = Queued { line, waiting: self.waiting.clone() };
        if before > 0 && before.saturating_add(length) > BACKLOG_BYTES {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.lines.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => io::ErrorKind::WouldBlock.into(),
            mpsc::error::TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

/// Opens a connection to `target` in the running actix arbiter; nothing is sent before the first line. Fails, with the
/// reason, where the URL or a header cannot be used. The receiver ends once everything has, the server's session included.
/// What is not whole yet of what comes competes for room with all that shares `budget`.
pub fn connect(target: &RemoteTarget, budget: &Arc<LineBudget>) -> Result<(Sender, mpsc::Receiver<Heard>), String> {
    let (heard, receiver) = mpsc::channel(UNREAD);
    let (endpoint, over) = endpoint::Endpoint::new(target, LineShare::of(budget), heard)?;
    let (lines, queued) = mpsc::channel(BACKLOG);
    actix::spawn(drive::drive(endpoint, queued, over));
    Ok((Sender { lines, waiting: Arc::default() }, receiver))
}

#[cfg(test)]
pub(in crate::supervisor) mod tests;
