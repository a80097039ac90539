//! [`ReadBuffer`]: the bytes that came and were not taken yet, in memory that is lent while there is something to read.

use std::{
    future::Future as _,
    io,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use super::worker::{READ_BUFFER_BYTES, Worker};

/// With less room than this a buffer is changed.
const FREE_BYTES_MIN: usize = 1 << 10;
/// Up to so many waiting bytes are moved to memory of their own size.
const COMPACTED_BYTES_MAX: usize = 4 << 10;

/// Bytes that a client sent and that were not taken yet.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    /// Heads and bodies are taken off its front.
    pub(super) buffer: BytesMut,
    has_ended: bool,
}

impl ReadBuffer {
    /// Reads what there is, once; `Ready(0)` is the end.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut TcpStream,
        worker: &Worker,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Ok(0));
        }
        self.make_room(worker);
        let count = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(context))?;
        self.has_ended = count == 0;
        Poll::Ready(Ok(count))
    }

    fn make_room(&mut self, worker: &Worker) {
        if self.buffer.capacity() - self.buffer.len() >= FREE_BYTES_MIN || self.buffer.try_reclaim(FREE_BYTES_MIN) {
            return;
        }
        if self.buffer.len() > READ_BUFFER_BYTES - FREE_BYTES_MIN {
            self.buffer.reserve(READ_BUFFER_BYTES);
            return;
        }
        let mut roomy = worker.take_buffer();
        roomy.extend_from_slice(&self.buffer);
        worker.give_buffer(std::mem::replace(&mut self.buffer, roomy));
    }

    /// Gives back what is not needed while nothing comes.
    pub(super) fn release(&mut self, worker: &Worker) {
        if self.buffer.len() <= COMPACTED_BYTES_MAX && self.buffer.capacity() > self.buffer.len() {
            let few = if self.buffer.is_empty() { BytesMut::new() } else { BytesMut::from(&*self.buffer) };
            worker.give_buffer(std::mem::replace(&mut self.buffer, few));
        }
    }
}
