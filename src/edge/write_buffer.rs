//! [`WriteBuffer`]: bytes queued for a socket, written in few writes and without copying long ones.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{io::AsyncWrite, net::TcpStream};

/// Slices given to one write.
const SLICES_PER_WRITE_MAX: usize = 16;
/// Pieces shorter than this are copied: that costs less than another slice.
const COPIED_BYTES_MAX: usize = 2 << 10;
/// The longest empty buffer kept.
const REUSED_BUFFER_BYTES_MAX: usize = 32 << 10;

/// Bytes in the order they are written: long pieces as they came, short ones one behind the other.
#[derive(Debug, Default)]
pub(crate) struct WriteBuffer {
    pieces: VecDeque<Bytes>,
    waiting_in_pieces: usize,
    last: BytesMut,
    written: u64,
}

impl WriteBuffer {
    /// The buffer for short pieces, behind everything that was added before.
    pub(crate) fn end(&mut self) -> &mut BytesMut {
        &mut self.last
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() < COPIED_BYTES_MAX {
            return self.last.extend_from_slice(&piece);
        }
        if !self.last.is_empty() {
            let before = self.last.split().freeze();
            self.queue(before);
        }
        self.queue(piece);
    }

    fn queue(&mut self, piece: Bytes) {
        self.waiting_in_pieces = self.waiting_in_pieces.saturating_add(piece.len());
        self.pieces.push_back(piece);
    }

    /// The number of bytes to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting_in_pieces.saturating_add(self.last.len())
    }

    /// The number of bytes that the socket took.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Forgets what waits and what was written; the memory is kept for what comes next.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.last.clear();
        (self.waiting_in_pieces, self.written) = (0, 0);
    }

    /// Gives the memory back where nothing waits.
    pub(crate) fn release(&mut self) {
        if self.waiting() == 0 {
            *self = Self { written: self.written, ..Self::default() };
        }
    }

    /// Writes until nothing waits. Bytes that were written before a failure are counted.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<()>> {
        while self.waiting() > 0 {
            ready!(self.poll_write(context, stream))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what the socket takes now, at least a byte.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<()>> {
        let count = if self.pieces.is_empty() {
            ready!(Pin::new(stream).poll_write(context, &self.last))?
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE_MAX];
            let pieces = self.pieces.iter().map(Bytes::as_ref).chain([self.last.as_ref()]);
            slices.iter_mut().zip(pieces).for_each(|(slice, piece)| *slice = IoSlice::new(piece));
            ready!(Pin::new(stream).poll_write_vectored(context, &slices))?
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.advance(count);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.pieces.front_mut() {
            let taken = count.min(first.len());
            self.waiting_in_pieces = self.waiting_in_pieces.saturating_sub(taken);
            count = count.saturating_sub(taken);
            if taken < first.len() {
                return first.advance(taken);
            }
            self.pieces.pop_front();
        }
        self.last.advance(count.min(self.last.len()));
        if self.last.is_empty() {
            self.last.clear();
            // Otherwise the front of it would be lost to what comes next.
            let is_reusable = self.last.try_reclaim(256) && self.last.capacity() <= REUSED_BUFFER_BYTES_MAX;
            if !is_reusable {
                self.last = BytesMut::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn short_and_long_pieces_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut to = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut from, _) = listener.accept().await.unwrap();
        let (mut buffer, mut expected) = (WriteBuffer::default(), Vec::new());
        for index in 0..100_u8 {
            let piece = vec![index; if index % 3 == 0 { 10 << 10 } else { 100 }];
            expected.extend_from_slice(&piece);
            buffer.push(piece.into());
        }
        assert_eq!(buffer.waiting(), expected.len());
        let mut arrived = vec![0; expected.len()];
        let flush = poll_fn(|context| buffer.poll_flush(context, &mut to));
        let (flushed, read) = tokio::join!(flush, from.read_exact(&mut arrived));
        assert_eq!((flushed.unwrap(), read.unwrap()), ((), expected.len()));
        assert!(arrived == expected);
        assert_eq!((buffer.waiting(), usize::try_from(buffer.written()).unwrap()), (0, expected.len()));
    }
}
