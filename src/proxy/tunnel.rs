//! A connection that switched protocols: bytes both ways, whatever they mean, until both sides have ended.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    net::TcpStream,
};

use crate::{
    edge::{ClientConnection, Disposition},
    gateway::InstanceLease,
    http1::ResponseHead,
    proxy::{answer, forwarded_request::ForwardedRequest, upstream::Upstream},
};

/// The longest nothing may pass in either direction.
const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;

/// Tells the client of the switch, then passes on bytes until both sides have ended, one has failed, nothing passed
/// for ten minutes, or the credential has ended that the service asked for.
pub(super) async fn run(
    client: &mut ClientConnection,
    call: &ForwardedRequest<'_>,
    lease: &InstanceLease,
    head: &ResponseHead,
    mut upstream: Upstream,
) -> Disposition {
    lease.answered(head.status);
    answer::write_switch(head, call.id.as_str(), client.stage());
    client.set_deadline(TUNNEL_IDLE_TIMEOUT);
    if client.flush().await.is_err() {
        return Disposition::Close;
    }
    let mut up = Pipe::new(client.take_input());
    let mut down = Pipe::new(std::mem::take(&mut upstream.incoming));
    let passing = poll_fn(|context| {
        let before = (up.passed, down.passed);
        let one = up.poll(context, client.stream(), &mut upstream.stream);
        let other = down.poll(context, &mut upstream.stream, client.stream());
        if before != (up.passed, down.passed) {
            client.set_deadline(TUNNEL_IDLE_TIMEOUT);
        }
        match (one, other) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(()),
            (Poll::Pending, _) | (_, Poll::Pending) if client.deadline_has_passed() => Poll::Ready(()),
            (Poll::Pending, _) | (_, Poll::Pending) => Poll::Pending,
        }
    });
    // Cut off where the right to it ends, too.
    let _ = call.while_permitted(passing).await;
    Disposition::Close
}

/// One direction.
struct Pipe {
    buffer: BytesMut,
    state: State,
    passed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The reading side has ended; the end is still to be passed on to the writing side.
    Ended,
    Closed,
}

impl Pipe {
    fn new(buffer: BytesMut) -> Self {
        Self { buffer, state: State::Open, passed: 0 }
    }

    /// Moves what there is from one socket to the other; ready once the end was passed on, too.
    fn poll(&mut self, context: &mut Context<'_>, from: &mut TcpStream, to: &mut TcpStream) -> Poll<io::Result<()>> {
        loop {
            while !self.buffer.is_empty() {
                let count = ready!(Pin::new(&mut *to).poll_write(context, &self.buffer))?;
                self.buffer.advance(count);
                self.passed = self.passed.wrapping_add(1);
            }
            match self.state {
                State::Open => {
                    self.buffer.reserve(READ_BYTES);
                    if ready!(pin!(from.read_buf(&mut self.buffer)).poll(context))? == 0 {
                        self.state = State::Ended;
                    }
                    self.passed = self.passed.wrapping_add(1);
                }
                State::Ended => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}
