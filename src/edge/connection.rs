//! [`ClientConnection`]: one client's connection, lent to the service that answers the request at hand.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use bytes::{Bytes, BytesMut};

use super::{
    BODY_STALL_TIMEOUT, WRITE_STALL_TIMEOUT,
    deadlines::{ConnectionSlot, Wait, ticks},
    read_buffer::ReadBuffer,
    worker::Worker,
};
use crate::{
    edge::write_buffer::WriteBuffer,
    http1::{BodyDecoder, BodyFault, Framing, Piece},
};

/// Bytes read ahead to find out whether the client is still connected.
const READ_AHEAD_BYTES: usize = 16 << 10;
/// Staged bytes at which further staging waits.
const STAGED_BYTES_HIGH: usize = 64 << 10;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection that its conversation lends to a body being read.
pub(super) type LentConnection = Rc<RefCell<Option<ClientConnection>>>;

/// A client's connection: the body of the request at hand on one side, the answer to it on the other.
///
/// All of it is polled from the connection's own task; every `poll_` function wakes that task, also when a deadline
/// passes. What is staged is sent by [`ClientConnection::poll_flush`], in one call where it fits.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    stream: TcpStream,
    peer: SocketAddr,
    worker: Rc<Worker>,
    slot: Rc<ConnectionSlot>,
    pub(super) input: ReadBuffer,
    output: WriteBuffer,
    body: BodyDecoder,
    owes_continue: bool,
    number: u64,
}

impl ClientConnection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, worker: Rc<Worker>, slot: Rc<ConnectionSlot>) -> Self {
        let (input, output, body) = (ReadBuffer::default(), WriteBuffer::default(), BodyDecoder::new(Framing::None));
        Self { stream, peer, worker, slot, input, output, body, owes_continue: false, number: 0 }
    }

    /// The address at the other end, which may be a proxy's.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The body of the request at hand: never `Pending`, and `End` on every call from its end on. The client is sent
    /// `100 Continue` on the first call, where it expects that. Fails with `Stalled` after 30 s without a byte.
    pub(crate) fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, BodyFault>> {
        loop {
            match self.body.decode(&mut self.input.buffer)? {
                Piece::Pending => {}
                piece @ (Piece::Data(_) | Piece::Trailers(_) | Piece::End) => {
                    self.slot.clear(Wait::Read);
                    return Poll::Ready(Ok(piece));
                }
            }
            if std::mem::take(&mut self.owes_continue) {
                self.output.end().extend_from_slice(CONTINUE);
            }
            // An error here comes up again with the answer.
            if self.output.waiting() > 0 {
                let _ = self.poll_flush(context);
            }
            match self.poll_fill(context) {
                Poll::Ready(Ok(1..)) => self.slot.clear(Wait::Read),
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(BodyFault::Truncated)),
                Poll::Pending if self.is_overdue(Wait::Read, BODY_STALL_TIMEOUT) => {
                    return Poll::Ready(Err(BodyFault::Stalled));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// True once the body of the request at hand has been read to its end, or where there is none.
    pub(crate) fn body_is_done(&self) -> bool {
        self.body.is_done()
    }

    /// The bytes of the body still to be read, where that is known.
    pub(crate) fn body_remaining(&self) -> Option<u64> {
        self.body.remaining()
    }

    /// True while the client expects `100 Continue` and was not sent it.
    pub(crate) fn owes_continue(&self) -> bool {
        self.owes_continue
    }

    /// `Ready` once the client has disconnected. Reads ahead a little to see that; not for use while the body is read.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.input.buffer.len() < READ_AHEAD_BYTES {
            match ready!(self.poll_fill(context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// The buffer for the head of the answer and other small pieces. From the first final head on, no `100 Continue` is
    /// sent by itself any more; interim answers go through [`ClientConnection::stage_interim`].
    pub(crate) fn stage(&mut self) -> &mut BytesMut {
        self.owes_continue = false;
        self.output.end()
    }

    /// The buffer for the head of an interim answer (1xx). Where that is the `100` the client waits for, it is not sent
    /// a second one.
    pub(crate) fn stage_interim(&mut self, status: u16) -> &mut BytesMut {
        self.owes_continue &= status != 100;
        self.output.end()
    }

    /// Stages data behind what is staged, without a copy where that pays.
    pub(crate) fn stage_data(&mut self, data: Bytes) {
        self.output.push(data);
    }

    /// True where so much is staged that it should be sent before more is.
    pub(crate) fn is_full(&self) -> bool {
        self.output.waiting() >= STAGED_BYTES_HIGH
    }

    /// Sends what is staged. `Ready` once all of it is with the kernel; fails where the client has gone, or took no
    /// byte for 30 s.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.waiting() > 0 {
            match self.output.poll_write(context, &mut self.stream) {
                Poll::Ready(written) => {
                    written?;
                    self.slot.clear(Wait::Write);
                }
                Poll::Pending if self.is_overdue(Wait::Write, WRITE_STALL_TIMEOUT) => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`ClientConnection::poll_flush`].
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Lets this task be woken after `after`, or up to 0.1 s later; replaces what was set before. Costs next to
    /// nothing.
    pub(crate) fn set_deadline(&self, after: Duration) {
        self.slot.set(Wait::Work, self.worker.now() + ticks(after));
    }

    /// Forgets the deadline that was set.
    pub(crate) fn clear_deadline(&self) {
        self.slot.clear(Wait::Work);
    }

    /// True once the deadline that was set has passed.
    pub(crate) fn deadline_has_passed(&self) -> bool {
        self.slot.has_passed(Wait::Work, self.worker.now())
    }

    /// Writes the `Date` field of an answer into what is staged.
    pub(crate) fn stage_date(&mut self) {
        self.worker.date.write(self.output.end());
    }

    /// True where the answer at hand is the connection's last, because the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.worker.is_stopping()
    }

    /// The bytes behind the head, for a tunnel: from now on bytes are the caller's to read and write on
    /// [`ClientConnection::stream`].
    pub(crate) fn take_input(&mut self) -> BytesMut {
        std::mem::take(&mut self.input.buffer)
    }

    /// The socket itself, for a tunnel. What is staged must be flushed before.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Closes the connection with a reset, so that the client sees a failure and not an end.
    pub(super) fn reset(self) {
        // A failure to set the option is ignored: the client at least gets no more bytes.
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// Begins another request.
    pub(super) fn begin(&mut self, framing: Framing, owes_continue: bool) {
        self.body = BodyDecoder::new(framing);
        self.owes_continue = owes_continue;
        self.number += 1;
    }

    /// The number of the request on this connection.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The body, where its length is known and all of it is here.
    pub(super) fn take_buffered_body(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.body.remaining()?).ok()?;
        if self.input.buffer.len() < length {
            return None;
        }
        match self.body.decode(&mut self.input.buffer) {
            Ok(Piece::Data(body)) => Some(body),
            Ok(Piece::Trailers(_) | Piece::End | Piece::Pending) | Err(_) => None,
        }
    }

    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.poll_read(&mut self.stream, &self.worker, context)
    }

    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    pub(super) fn slot(&self) -> &ConnectionSlot {
        &self.slot
    }

    /// Gives back memory while nothing happens.
    pub(super) fn release_memory(&mut self) {
        self.input.release(&self.worker);
        self.output.release();
    }

    /// True where `wait` has lasted for `limit`; the first call starts it.
    pub(super) fn is_overdue(&self, wait: Wait, limit: Duration) -> bool {
        if !self.slot.is_set(wait) {
            self.slot.set(wait, self.worker.now() + ticks(limit));
        }
        self.slot.has_passed(wait, self.worker.now())
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        self.worker.release_slot(&self.slot);
    }
}
