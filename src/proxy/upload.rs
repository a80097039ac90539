//! [`Upload`]: the body of a request on its way to an instance.

use bytes::{Buf, BytesMut};

use crate::{
    edge::write_buffer::WriteBuffer,
    http1::{BodyEncoder, Framing, Piece},
    proxy::header_rules::{FieldRule, rule_of},
};

/// The progress of a request's body.
#[derive(Debug)]
pub(super) struct Upload {
    encoder: BodyEncoder,
    limit: u64,
    taken: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of it was taken from the client.
    Untouched,
    Going,
    /// The trailers were written, and with them the end.
    Trailed,
    Complete,
}

/// The body is longer than the service takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Upload {
    /// An upload that is yet to begin. `TooLarge` where its announced length is over `limit`.
    pub(super) fn new(framing: Framing, limit: Option<u64>) -> Result<Self, TooLarge> {
        let limit = limit.unwrap_or(u64::MAX);
        let state = if framing == Framing::None { State::Complete } else { State::Untouched };
        if matches!(framing, Framing::Length(length) if length > limit) {
            return Err(TooLarge);
        }
        Ok(Self { encoder: BodyEncoder::new(framing), limit, taken: 0, state })
    }

    /// True while there is more of it to take.
    pub(super) fn is_going(&self) -> bool {
        matches!(self.state, State::Untouched | State::Going | State::Trailed)
    }

    /// True once it was taken to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// True while it can be sent from its beginning: it has none, or nothing of it was taken.
    pub(super) fn is_fresh(&self) -> bool {
        self.state == State::Untouched || (self.state == State::Complete && self.taken == 0)
    }

    /// Adds a piece to what is written to the instance.
    pub(super) fn take(&mut self, piece: Piece, out: &mut WriteBuffer) -> Result<(), TooLarge> {
        match piece {
            Piece::Data(data) => {
                self.taken = self.taken.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
                if self.taken > self.limit {
                    return Err(TooLarge);
                }
                self.state = State::Going;
                // It is as long as announced: the decoder on the other side counts too.
                if self.encoder.open(data.len(), out.end()) == Ok(true) {
                    out.push(data);
                    self.encoder.close(out.end());
                }
            }
            Piece::Trailers(trailers) => {
                let _ = self.encoder.finish(&plain(&trailers), out.end());
                self.state = State::Trailed;
            }
            Piece::End => {
                if self.state != State::Trailed {
                    let _ = self.encoder.finish(b"", out.end());
                }
                // An empty body is no fresh one: its end may have been sent.
                self.taken = self.taken.max(1);
                self.state = State::Complete;
            }
            Piece::Pending => {}
        }
        Ok(())
    }
}

/// The trailers that go on: those that mean nothing to anybody on the way.
pub(super) fn plain(trailers: &[u8]) -> BytesMut {
    let mut passed = BytesMut::with_capacity(trailers.len());
    let mut rest = trailers;
    while rest.has_remaining() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if rule_of(name) == FieldRule::Plain {
            passed.extend_from_slice(line);
        }
        rest = after;
    }
    passed
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sent(framing: Framing, limit: Option<u64>, pieces: &[Piece]) -> Result<(String, Upload), TooLarge> {
        let mut upload = Upload::new(framing, limit)?;
        let mut out = WriteBuffer::default();
        for piece in pieces {
            upload.take(piece.clone(), &mut out)?;
        }
        Ok((String::from_utf8(out.end().to_vec()).unwrap(), upload))
    }

    fn data(text: &'static str) -> Piece {
        Piece::Data(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_body_goes_on_as_it_was_announced() {
        let trailers = Piece::Trailers(Bytes::from_static(b"A: b\r\nX-Ostler-User: root\r\nContent-Length: 9\r\n"));
        let (text, upload) = sent(Framing::Chunked, None, &[data("hello"), data("you"), trailers, Piece::End]).unwrap();
        assert_eq!(text, "5\r\nhello\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n");
        assert!(upload.is_complete() && !upload.is_fresh());
        let (text, upload) = sent(Framing::Length(8), None, &[data("hello")]).unwrap();
        assert_eq!((text.as_str(), upload.is_going(), upload.is_fresh()), ("hello", true, false));
        assert!(sent(Framing::None, None, &[]).unwrap().1.is_fresh());
    }

    #[test]
    fn a_body_over_the_limit_is_refused_as_soon_as_that_is_known() {
        assert!(sent(Framing::Length(9), Some(8), &[]).is_err());
        assert!(sent(Framing::Length(8), Some(8), &[]).is_ok());
        assert!(sent(Framing::Chunked, Some(8), &[data("hello"), data("you")]).is_ok());
        assert!(sent(Framing::Chunked, Some(8), &[data("hello"), data("you!")]).is_err());
    }
}
