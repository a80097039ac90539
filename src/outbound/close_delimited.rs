//! [`CloseDelimited`]: a connection whose responses may end with it.
//!
//! `actix-http` 3.20 takes an HTTP/1.1 response with neither a length nor chunks for one without a body, where such a
//! body goes on until the connection is closed (RFC 9112, section 6.3, rule 8). Of HTTP/1.0 it knows that. So the
//! version in the heads of such responses is made 1.0 here, and nothing else is touched.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use awc::http::Method;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http1::{Framing, HeadLimits, ResponseHead};

/// Bytes read at once while a head is awaited.
const READ_BYTES: usize = 4096;

/// Place of the minor version in `HTTP/1.1`.
const MINOR_VERSION_AT: usize = 7;

/// Bytes of heads, interim ones included, that are read for the final one: a server may send 103 without end.
const HEADS_BYTES_MAX: usize = 128 << 10;

/// A connection whose responses may end with it.
#[derive(Debug)]
pub(super) struct CloseDelimited<IO> {
    io: IO,
    /// Bytes that were read, and wait to be taken.
    read: BytesMut,
    /// True from a request on until the head of its response is complete.
    awaits_head: bool,
}

impl<IO> CloseDelimited<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, read: BytesMut::new(), awaits_head: false }
    }
}

/// Mends the heads at the front of `read`; true once that of the final response is complete, or there will be none.
fn mend(read: &mut BytesMut) -> bool {
    let mut rest = read.clone();
    loop {
        let at = read.len().saturating_sub(rest.len());
        match ResponseHead::parse(&mut rest, &HeadLimits::UPSTREAM, &Method::POST) {
            // An interim response: another head follows.
            Ok(Some(head)) if head.status < 200 && head.status != 101 => {}
            Ok(Some(head)) => {
                if let Some(version) = read.get_mut(at.saturating_add(MINOR_VERSION_AT))
                    && head.framing == Framing::UntilClose
                {
                    *version = b'0';
                }
                return true;
            }
            Ok(None) => return false,
            // Let the client say what is wrong with it.
            Err(_) => return true,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for CloseDelimited<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.awaits_head {
            let mut piece = [0; READ_BYTES];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut piece))?;
            self.read.extend_from_slice(piece.filled());
            let is_short = self.read.len() < HEADS_BYTES_MAX;
            self.awaits_head = !piece.filled().is_empty() && is_short && !mend(&mut self.read);
        }
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = buf.remaining().min(self.read.len());
        buf.put_slice(self.read.get(..length).unwrap_or_default());
        self.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for CloseDelimited<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Where the response came before the end of the request, the rest of its body is taken for a head that cannot
        // be read, and passes as it is.
        self.awaits_head = true;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// `awc` requires this trait, and never asks: to say "ready" too early is allowed.
impl<IO: AsyncRead + AsyncWrite + Unpin + 'static> ActixStream for CloseDelimited<IO> {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::ALL))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::ALL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(heads: &str) -> (bool, String) {
        let mut read = BytesMut::from(heads);
        (mend(&mut read), String::from_utf8(read.to_vec()).unwrap())
    }

    #[test]
    fn only_a_response_that_ends_with_the_connection_is_made_one_of_http_1_0() {
        assert_eq!(mended("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}"), (true, "HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}".into()));
        assert_eq!(
            mended("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            (true, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 200 OK\r\n\r\n".into())
        );
        for same in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "no head at all\r\n\r\n",
        ] {
            assert_eq!(mended(same), (true, same.to_owned()), "{same}");
        }
        for partial in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
            assert_eq!(mended(partial), (false, partial.to_owned()), "{partial}");
        }
    }
}
