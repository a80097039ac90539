//! [`Outbox`]: what waits to be written to a socket, in few writes and without copying what is long.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{io::AsyncWrite, net::TcpStream};

/// Slices given to one write.
const SLICES: usize = 16;

/// Pieces in the order they are written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Bytes>,
    waiting: usize,
    written: u64,
}

impl Outbox {
    /// Adds a piece.
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.waiting = self.waiting.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many bytes the socket took.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes until nothing waits. Bytes that were written before a failure are counted.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<()>> {
        while self.waiting > 0 {
            let count = ready!(self.poll_write(context, stream))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, context: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<usize>> {
        if let [only] = self.pieces.as_slices().0
            && self.pieces.len() == 1
        {
            return Pin::new(stream).poll_write(context, only);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        Pin::new(stream).poll_write_vectored(context, &slices)
    }

    fn advance(&mut self, mut count: usize) {
        self.waiting = self.waiting.saturating_sub(count);
        self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        while let Some(first) = self.pieces.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count = count.saturating_sub(first.len());
            self.pieces.pop_front();
        }
    }
}
