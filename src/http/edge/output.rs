//! [`Output`]: what is staged for a client, written with as few calls as it takes.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{io::AsyncWrite, net::TcpStream};

/// Data from this length on is not copied.
const COPIED: usize = 4 << 10;
/// Parts written at once.
const MOST_PARTS: usize = 16;
/// The longest empty buffer kept.
const KEPT: usize = 32 << 10;

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(super) struct Output {
    parts: VecDeque<Bytes>,
    open: BytesMut,
}

impl Output {
    /// Where small things are written.
    pub(super) fn open(&mut self) -> &mut BytesMut {
        &mut self.open
    }

    /// Appends data, without a copy where that pays.
    pub(super) fn push(&mut self, data: Bytes) {
        if data.len() < COPIED {
            self.open.extend_from_slice(&data);
            return;
        }
        if !self.open.is_empty() {
            self.parts.push_back(self.open.split().freeze());
        }
        self.parts.push_back(data);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.parts.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum::<usize>() + self.open.len()
    }

    /// Writes what the socket takes now; `Ready` with the count.
    pub(super) fn poll_write(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = if self.parts.is_empty() {
            ready!(Pin::new(stream).poll_write(context, &self.open))?
        } else {
            let mut slices = [IoSlice::new(&[]); MOST_PARTS];
            let all = self.parts.iter().map(Bytes::as_ref).chain(Some(self.open.as_ref()));
            slices.iter_mut().zip(all).for_each(|(slice, part)| *slice = IoSlice::new(part));
            ready!(Pin::new(stream).poll_write_vectored(context, &slices))?
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(count);
        Poll::Ready(Ok(count))
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                part.advance(count);
                return;
            }
            count -= part.len();
            self.parts.pop_front();
        }
        self.open.advance(count.min(self.open.len()));
        if self.open.is_empty() {
            // Otherwise the front of it would be lost to the next answer.
            self.open.clear();
            let reusable = self.open.try_reclaim(256) && self.open.capacity() <= KEPT;
            if !reusable {
                self.open = BytesMut::new();
            }
        }
    }

    /// Gives the memory back; only where it is empty.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}
