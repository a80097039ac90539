//! Ends connections on which the next request does not come: the framework's own deadline covers only a connection's first.

use std::{
    any::Any,
    cell::Cell,
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::{Extensions, ServiceRequest},
    rt::{net::TcpStream, spawn, task::JoinHandle},
};
use bytes::Bytes;
use rustix::net::Shutdown;
use tokio::time::{Instant, sleep_until};

/// How long a connection may be without a whole request head; longer than the keep-alive, which ends silent ones.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers up to this long fit the socket's buffer: they are gone once they are given away.
const AT_ONCE: u64 = 64 << 10;

/// A connection, and since when it waits for a request.
struct Connection {
    socket: OwnedFd,
    idle_since: Cell<Option<Instant>>,
    watcher: Cell<Option<JoinHandle<()>>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
    }
}

/// Begins to watch a connection; one that cannot be watched, for want of descriptors, goes without.
pub(super) fn connected(connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
    let connection =
        Rc::new(Connection { socket, idle_since: Cell::new(Some(Instant::now())), watcher: Cell::default() });
    connection.watcher.set(Some(spawn(watch(Rc::downgrade(&connection)))));
    extensions.insert(connection);
}

async fn watch(connection: Weak<Connection>) {
    loop {
        let Some(strong) = connection.upgrade() else { return };
        let now = Instant::now();
        let deadline = strong.idle_since.get().unwrap_or(now) + PATIENCE;
        if deadline <= now {
            // One that is gone already is no fault.
            let _ = rustix::net::shutdown(&strong.socket, Shutdown::Both);
            return;
        }
        drop(strong);
        sleep_until(deadline).await;
    }
}

/// While it lives, the connection is at work.
pub(super) struct Busy(Rc<Connection>);

impl Busy {
    /// Marks the connection of `request`; `None` where it is not watched.
    pub(super) fn mark(request: &ServiceRequest) -> Option<Self> {
        let connection = Rc::clone(request.conn_data::<Rc<Connection>>()?);
        connection.idle_since.set(None);
        Some(Self(connection))
    }

    /// Stays until `body` is sent.
    pub(super) fn until_sent(self, body: BoxBody) -> BoxBody {
        match body.size() {
            BodySize::None => body,
            BodySize::Sized(length) if length <= AT_ONCE => body,
            BodySize::Sized(_) | BodySize::Stream => BoxBody::new(Held { body, _busy: self }),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.set(Some(Instant::now()));
    }
}

/// A body that keeps its connection marked.
struct Held {
    body: BoxBody,
    _busy: Busy,
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
