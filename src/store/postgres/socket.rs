//! [`Socket`]: a stream without a runtime. Its user waits for it on its own thread, and no longer than it likes:
//! the kernel of a server that is frozen goes on acknowledging, so the connection itself would never end.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::options::Tcp;
use crate::store::fault::SILENT;

/// A connected socket that never blocks.
pub(super) struct Socket(Arc<SharedSocket>);

/// Waits for a [`Socket`] that others read and write.
pub(super) struct Waiter(Arc<SharedSocket>);

struct SharedSocket {
    fd: OwnedFd,
    /// A write is waiting for room.
    is_full: AtomicBool,
}

/// Limit of a wait for the other side.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitLimit {
    /// For all of it.
    Until(Instant),
    /// While not a byte comes or goes.
    Idle(Duration),
    /// For ever.
    Endless,
}

impl WaitLimit {
    /// Duration of one wait at most.
    fn left(self) -> Option<Duration> {
        match self {
            Self::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Self::Idle(longest) => Some(longest),
            Self::Endless => None,
        }
    }
}

impl Socket {
    /// Connects to a host, waiting for no longer than `timeout`.
    pub(super) fn connect_tcp(address: SocketAddr, timeout: Option<Duration>, tcp: &Tcp) -> io::Result<Self> {
        let stream = match timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout)?,
            None => TcpStream::connect(address)?,
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        sockopt::set_socket_keepalive(&stream, tcp.keepalives)?;
        if let Some(idle) = tcp.idle.filter(|_| tcp.keepalives) {
            sockopt::set_tcp_keepidle(&stream, idle)?;
        }
        if let Some(interval) = tcp.interval.filter(|_| tcp.keepalives) {
            sockopt::set_tcp_keepintvl(&stream, interval)?;
        }
        if let Some(count) = tcp.count.filter(|_| tcp.keepalives) {
            sockopt::set_tcp_keepcnt(&stream, count)?;
        }
        if let Some(timeout) = tcp.user_timeout {
            sockopt::set_tcp_user_timeout(&stream, timeout)?;
        }
        Ok(Self::new(stream.into()))
    }

    /// Connects to a socket in the file system. A server that has too many waiting is given up at once.
    pub(super) fn connect_unix(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&fd, &SocketAddrUnix::new(path)?)?;
        Ok(Self::new(fd))
    }

    fn new(fd: OwnedFd) -> Self {
        Self(Arc::new(SharedSocket { fd, is_full: AtomicBool::new(false) }))
    }

    pub(super) fn waiter(&self) -> Waiter {
        Waiter(Arc::clone(&self.0))
    }
}

impl Waiter {
    /// Takes steps until one is ready, waiting in between until the socket is. `TimedOut` where that takes too long.
    pub(super) fn drive<T>(
        &self,
        limit: WaitLimit,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> io::Result<T> {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(value) = step(&mut context) {
                return Ok(value);
            }
            // One part has something for the other: no reason to wait.
            if !woken.0.swap(false, Ordering::Relaxed) {
                self.wait(limit.left())?;
            }
        }
    }

    fn wait(&self, longest: Option<Duration>) -> io::Result<()> {
        let longest = longest.map(Timespec::try_from).transpose().map_err(|_| Errno::INVAL)?;
        let room = if self.0.is_full.load(Ordering::Relaxed) { PollFlags::OUT } else { PollFlags::empty() };
        match rustix::event::poll(&mut [PollFd::new(&self.0.fd, PollFlags::IN | room)], longest.as_ref()) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::TimedOut, SILENT)),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match rustix::io::read(&self.0.fd, into.initialize_unfilled()) {
            Ok(count) => {
                into.advance(count);
                Poll::Ready(Ok(()))
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => Poll::Pending,
            Err(cause) => Poll::Ready(Err(cause.into())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = rustix::net::send(&self.0.fd, bytes, SendFlags::NOSIGNAL);
        let is_full = matches!(sent, Err(Errno::WOULDBLOCK | Errno::INTR));
        self.0.is_full.store(is_full, Ordering::Relaxed);
        if is_full { Poll::Pending } else { Poll::Ready(sent.map_err(io::Error::from)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(rustix::net::shutdown(&self.0.fd, rustix::net::Shutdown::Write).map_err(io::Error::from))
    }
}
