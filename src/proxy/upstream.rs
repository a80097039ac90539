//! [`Upstream`]: one connection to an instance.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{edge::write_buffer::WriteBuffer, outbound::route, proxy::resolve};

/// The longest an instance may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which a connection to a name is used again: by then the name may lead elsewhere, while the instance that it
/// led to still answers.
const NAMED_LIFETIME: Duration = Duration::from_secs(30);
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
    /// Time it was opened at, where the instance is given by name.
    named_since: Option<Instant>,
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
            named_since: resolve::literal(host).is_none().then(Instant::now),
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

    /// True where it is so old that its name may lead elsewhere.
    pub(super) fn is_outdated(&self) -> bool {
        self.named_since.is_some_and(|since| since.elapsed() > NAMED_LIFETIME)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_to_a_name_is_outdated_after_a_while_and_one_to_an_address_never() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let named = Upstream::connect("localhost", port, CONNECT_TIMEOUT).await.unwrap();
        let by_address = Upstream::connect("127.0.0.1", port, CONNECT_TIMEOUT).await.unwrap();
        assert!(!named.is_outdated());
        tokio::time::pause();
        tokio::time::advance(NAMED_LIFETIME * 2).await;
        assert!(named.is_outdated() && !by_address.is_outdated());
    }
}
