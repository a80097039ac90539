//! [`BodyEncoder`]: writes a body in the framing that was announced, and no byte beside it.

use std::io::Write as _;

use bytes::{BufMut, BytesMut};

use super::Framing;

/// Knows how much of an announced body is still to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyEncoder {
    framing: Framing,
    written: u64,
}

/// The body written differs in length from the one announced: only closing the connection lets the reader know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not as long as was announced")]
pub(crate) struct Misfit;

impl BodyEncoder {
    /// An encoder for one body; with [`Framing::None`], of an answer to HEAD say, data is left out without a word.
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, written: 0 }
    }

    /// Writes what stands before `length` bytes of data. Where it says `false`, the data is to be left out.
    pub(crate) fn open(&mut self, length: usize, out: &mut BytesMut) -> Result<bool, Misfit> {
        self.written += u64::try_from(length).map_err(|_| Misfit)?;
        match self.framing {
            Framing::None => return Ok(false),
            Framing::Length(announced) if self.written > announced => return Err(Misfit),
            Framing::Length(_) | Framing::UntilClose => {}
            // An empty chunk would end the body.
            Framing::Chunked if length == 0 => return Ok(false),
            Framing::Chunked => write!(out.writer(), "{length:x}\r\n").map_err(|_| Misfit)?,
        }
        Ok(true)
    }

    /// Writes what stands behind the data.
    pub(crate) fn close(&mut self, out: &mut BytesMut) {
        if self.framing == Framing::Chunked {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Writes the end; `trailers` are fields with their line ends, and are left out where the framing has no place for
    /// them.
    pub(crate) fn finish(self, trailers: &[u8], out: &mut BytesMut) -> Result<(), Misfit> {
        match self.framing {
            Framing::Length(announced) if self.written < announced => Err(Misfit),
            Framing::None | Framing::Length(_) | Framing::UntilClose => Ok(()),
            Framing::Chunked => {
                out.extend_from_slice(b"0\r\n");
                out.extend_from_slice(trailers);
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(framing: Framing, pieces: &[&str], trailers: &str) -> Result<String, Misfit> {
        let (mut encoder, mut out) = (BodyEncoder::new(framing), BytesMut::new());
        for piece in pieces {
            if encoder.open(piece.len(), &mut out)? {
                out.extend_from_slice(piece.as_bytes());
                encoder.close(&mut out);
            }
        }
        encoder.finish(trailers.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn a_body_is_written_as_announced() {
        let chunked = encode(Framing::Chunked, &["hello", "", "0123456789abcdef"], "A: b\r\n");
        assert_eq!(chunked.unwrap(), "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n");
        assert_eq!(encode(Framing::Length(6), &["hel", "lo!"], "A: b\r\n").unwrap(), "hello!");
        assert_eq!(encode(Framing::UntilClose, &["hello"], "").unwrap(), "hello");
        assert_eq!(encode(Framing::None, &["hello"], "").unwrap(), "");
    }

    #[test]
    fn a_body_that_does_not_fit_is_noticed() {
        assert_eq!(encode(Framing::Length(4), &["hello"], ""), Err(Misfit));
        assert_eq!(encode(Framing::Length(6), &["hello"], ""), Err(Misfit));
    }
}
