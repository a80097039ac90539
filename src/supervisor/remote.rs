//! A server that is reached over HTTP, seen as what a process is: lines go in, lines come out.
//!
//! [`connect`] knows Streamable HTTP in both eras and, where that is refused, the HTTP+SSE of 2024-11-05. Which era it
//! is, shows in the lines: `initialize` opens a session, `_meta` with a revision needs none. One task drives it
//! (`driver`), each request is a task below that; `post` sends and reads answers, `listen` keeps the stream of what is
//! no answer.
//!
//! So handshake, health, restarts, limits and records are those of processes, and unfinished answers share their
//! budget. A request that made no connection, or met a session that is gone, was not sent: the next generation gets it.
//! An answer of a proxy in between fails the request and is no sign of life. `ostler connect` is this transport as
//! well, between standard input and output and Ostler's own `/mcp`.

mod authority;
mod delivery;
mod driver;
mod endpoint;
mod events;
mod failure;
mod http_sse;
mod inspection;
mod line;
mod listen;
mod outgoing;
mod post;
mod remote_event;
mod sender;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    mcp::{LineBudget, LineShare},
    supervisor::launch::RemoteTarget,
};

pub use authority::{ADVICE, Authority, Renewal, TokenProvider};
#[cfg(any(test, fuzzing))]
pub(crate) use events::EventsRead;
pub use failure::{HttpRefusal, RemoteFailure};
pub use remote_event::RemoteEvent;
pub use sender::LineSender;

/// Messages that may wait to be taken in; beyond that, nothing more is read.
const EVENT_BACKLOG: usize = 16;

/// Opens a connection to `target` in the running actix arbiter; nothing is sent before the first line. Fails, with the
/// reason, where the URL or a header cannot be used. The receiver ends once everything has, the server's session
/// included. Unfinished messages of the server compete for room with all others that share `budget`.
pub fn connect(
    target: &RemoteTarget,
    budget: &Arc<LineBudget>,
) -> Result<(LineSender, mpsc::Receiver<RemoteEvent>), String> {
    let (events, receiver) = mpsc::channel(EVENT_BACKLOG);
    let (endpoint, closed) = endpoint::Endpoint::new(target, LineShare::of(budget), events)?;
    let (sender, queued) = LineSender::new();
    actix::spawn(driver::run(endpoint, queued, closed));
    Ok((sender, receiver))
}

#[cfg(test)]
pub(in crate::supervisor) mod tests;
