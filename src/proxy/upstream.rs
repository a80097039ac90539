//! [`Upstream`]: one connection to an instance.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::{edge::write_buffer::WriteBuffer, outbound::route, proxy::resolve};

/// The longest an instance may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes read at once from a quiet connection, and from a busy one.
const READ_BYTES: (usize, usize) = (8 << 10, 32 << 10);

/// An open connection, with what was read from it and not yet taken.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The socket.
    pub(super) stream: TcpStream,
    /// Bytes that were read and not taken yet.
    pub(super) incoming: BytesMut,
    /// Bytes to be written.
    pub(super) write_buffer: WriteBuffer,
    /// Time it was idle before this request; `None` where it is new.
    pub(super) idle: Option<Duration>,
    /// Time for which the instance keeps it while it is idle, as its last answer said.
    pub(super) keep_alive: Option<Duration>,
    read_bytes: usize,
    /// The longest read since the last rest.
    longest_read: usize,
}

impl Upstream {
    /// Connects to `host`, trying its addresses in order. Fails after two seconds, or after `limit` where that is less.
    pub(super) async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<Self> {
        let limit = limit.min(CONNECT_TIMEOUT);
        let connected = timeout(limit, open(host, port)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if connected.is_err() {
            resolve::forget(host);
        }
        let stream = connected?;
        stream.set_nodelay(true)?;
        let (incoming, write_buffer) = (BytesMut::new(), WriteBuffer::default());
        Ok(Self {
            stream,
            incoming,
            write_buffer,
            idle: None,
            keep_alive: None,
            read_bytes: READ_BYTES.0,
            longest_read: 0,
        })
    }

    /// Reads once more; 0 is the end. What comes in plenty is read in larger pieces.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.capacity().saturating_sub(self.incoming.len()) < self.read_bytes / 2 {
            self.incoming.reserve(self.read_bytes);
        }
        let read = pin!(self.stream.read_buf(&mut self.incoming)).poll(context);
        if let Poll::Ready(Ok(count)) = read {
            self.longest_read = self.longest_read.max(count);
            if count > self.read_bytes / 2 {
                self.read_bytes = self.read_bytes.saturating_mul(2).min(READ_BYTES.1);
            }
        }
        read
    }

    /// Writes what waits.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_buffer.poll_flush(context, &mut self.stream)
    }

    /// True where the instance sent nothing after its last answer, not even the end. Asks the kernel: tokio's view may
    /// be older, and an unsolicited answer would be taken for the next one.
    pub(super) fn is_quiet(&self) -> bool {
        let peek = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        self.incoming.is_empty()
            && rustix::net::recv(&self.stream, &mut [0_u8], peek).is_err_and(|error| error == rustix::io::Errno::AGAIN)
    }

    /// Keeps little memory while nothing is asked, and remembers how much is usually said.
    pub(super) fn rest(&mut self) {
        self.write_buffer.clear();
        if self.longest_read < self.read_bytes / 4 {
            self.read_bytes = (self.read_bytes / 2).max(READ_BYTES.0);
        }
        self.longest_read = 0;
        if self.read_bytes > READ_BYTES.0 {
            self.incoming = BytesMut::new();
        }
    }
}

async fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = None;
    for address in resolve::addresses(host, port).await? {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(route::more_telling(last, route::explained(error, address))),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A port of the ephemeral range can be connected to itself while no process listens there.
    if stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
