//! [`BodyDecoder`]: takes a body out of the bytes of a connection, whatever its framing.

use bytes::{Buf, Bytes, BytesMut};

use super::{FIELDS_MAX, Framing, fields::refuse_bare_line_feeds};

/// The longest line that announces a chunk.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Bytes of chunk extensions that a whole body may have: they are read for nothing.
const EXTENSION_BYTES_MAX: usize = 16 << 10;
/// Bytes of trailers.
const TRAILER_BYTES_MAX: usize = 8 << 10;

/// The next piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Some of it, never empty.
    Data(Bytes),
    /// The trailers of a chunked one: checked fields with their line ends, without the empty line. `End` follows.
    Trailers(Bytes),
    /// That was all. What is left in the buffer is the next message's.
    End,
    /// More bytes are needed.
    Pending,
}

/// The reason for which a body is refused; the connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// A chunk or a trailer breaks a rule of the protocol.
    #[error("the chunked body is malformed")]
    Malformed,
    /// The connection ended first.
    #[error("the body ended early")]
    Truncated,
    /// Not a byte of it came for too long.
    #[error("the body stopped arriving")]
    Stalled,
}

/// Knows how much of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyDecoder {
    state: State,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    Size,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
}

impl BodyDecoder {
    /// A decoder for one body.
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, extensions: 0 }
    }

    /// True when the whole body has been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The bytes still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Done => Some(0),
            State::Length(left) => Some(left),
            State::UntilClose | State::Size | State::Chunk(_) | State::ChunkEnd | State::Trailers => None,
        }
    }

    /// Tells that the connection ended. A body that is not whole by then never will be.
    pub(crate) fn end(&mut self) -> Result<Piece, BodyFault> {
        match self.state {
            State::Done | State::UntilClose => {
                self.state = State::Done;
                Ok(Piece::End)
            }
            State::Length(_) | State::Size | State::Chunk(_) | State::ChunkEnd | State::Trailers => {
                Err(BodyFault::Truncated)
            }
        }
    }

    /// Takes the next piece off the front of `buffer`.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Piece, BodyFault> {
        loop {
            match self.state {
                State::Done => return Ok(Piece::End),
                State::Length(_) | State::UntilClose | State::Chunk(_) if buffer.is_empty() => {
                    return Ok(Piece::Pending);
                }
                State::UntilClose => return Ok(Piece::Data(buffer.split().freeze())),
                State::Length(left) => {
                    let (piece, left) = take(buffer, left);
                    self.state = if left == 0 { State::Done } else { State::Length(left) };
                    return Ok(piece);
                }
                State::Chunk(left) => {
                    let (piece, left) = take(buffer, left);
                    self.state = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                    return Ok(piece);
                }
                State::ChunkEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.state = State::Size;
                    }
                    None if buffer.is_empty() || buffer.first() == Some(&b'\r') => return Ok(Piece::Pending),
                    Some(_) | None => return Err(BodyFault::Malformed),
                },
                State::Size => {
                    let Some(size) = self.take_size(buffer)? else { return Ok(Piece::Pending) };
                    self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
                }
                State::Trailers => {
                    let Some(trailers) = take_trailers(buffer)? else { return Ok(Piece::Pending) };
                    self.state = State::Done;
                    return Ok(if trailers.is_empty() { Piece::End } else { Piece::Trailers(trailers) });
                }
            }
        }
    }

    /// The size of the next chunk, once the line with it is whole.
    fn take_size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, BodyFault> {
        let Some(end) = memchr::memchr(b'\n', buffer) else {
            let so_far = buffer.strip_suffix(b"\r").unwrap_or(buffer);
            // A size that is malformed already is refused before its line ends.
            if !so_far.is_empty() {
                read_size(so_far)?;
            }
            return Ok(None);
        };
        let line = buffer.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(BodyFault::Malformed)?;
        let (size, extension) = read_size(line)?;
        self.extensions += extension;
        if self.extensions > EXTENSION_BYTES_MAX {
            return Err(BodyFault::Malformed);
        }
        buffer.advance(end + 1);
        Ok(Some(size))
    }
}

/// Up to `left` bytes, and how many are left then.
fn take(buffer: &mut BytesMut, left: u64) -> (Piece, u64) {
    let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
    let piece = Piece::Data(buffer.split_to(wanted).freeze());
    (piece, left - u64::try_from(wanted).unwrap_or(left))
}

/// The size in a line without its end, and the length of the extension behind it.
fn read_size(line: &[u8]) -> Result<(u64, usize), BodyFault> {
    if line.len() > SIZE_LINE_BYTES_MAX {
        return Err(BodyFault::Malformed);
    }
    let length = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, extension) = line.split_at(length);
    let sane = |byte: &u8| *byte == b'\t' || (!byte.is_ascii_control());
    if !(1..=15).contains(&length)
        || extension.first().is_some_and(|first| *first != b';')
        || !extension.iter().all(sane)
    {
        return Err(BodyFault::Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| BodyFault::Malformed)?;
    Ok((u64::from_str_radix(digits, 16).map_err(|_| BodyFault::Malformed)?, extension.len()))
}

/// The trailers without the empty line, once that is there; mostly none.
fn take_trailers(buffer: &mut BytesMut) -> Result<Option<Bytes>, BodyFault> {
    if buffer.starts_with(b"\r\n") {
        buffer.advance(2);
        return Ok(Some(Bytes::new()));
    }
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX / 4];
    let length = match httparse::parse_headers(buffer, &mut slots) {
        Ok(httparse::Status::Complete((length, _))) if length <= TRAILER_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if buffer.len() <= TRAILER_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Complete(_) | httparse::Status::Partial) | Err(_) => return Err(BodyFault::Malformed),
    };
    refuse_bare_line_feeds(buffer.get(..length).unwrap_or_default()).map_err(|_| BodyFault::Malformed)?;
    let mut trailers = buffer.split_to(length);
    trailers.truncate(length.saturating_sub(2));
    Ok(Some(trailers.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `text`, fed in pieces of `step` bytes: the data, the trailers and what is left over.
    fn decode(framing: Framing, text: &str, step: usize) -> Result<(String, String, String), BodyFault> {
        let mut decoder = BodyDecoder::new(framing);
        let (mut buffer, mut data, mut trailers) = (BytesMut::new(), Vec::new(), Vec::new());
        let mut feed = text.as_bytes().chunks(step);
        loop {
            match decoder.decode(&mut buffer)? {
                Piece::Data(piece) => data.extend_from_slice(&piece),
                Piece::Trailers(piece) => trailers.extend_from_slice(&piece),
                Piece::End => break,
                Piece::Pending => match feed.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => {
                        decoder.end()?;
                        break;
                    }
                },
            }
        }
        feed.for_each(|piece| buffer.extend_from_slice(piece));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((text(&data), text(&trailers), text(&buffer)))
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        let body = |data: &str, rest: &str| Ok((data.to_owned(), String::new(), rest.to_owned()));
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(decode(Framing::None, "GET", step), body("", "GET"));
            assert_eq!(decode(Framing::Length(5), "helloGET", step), body("hello", "GET"));
            assert_eq!(decode(Framing::UntilClose, "hello", step), body("hello", ""));
            let chunked = "2\r\nhe\r\n003;x=\"y\"\r\nllo\r\n0\r\n\r\nGET";
            assert_eq!(decode(Framing::Chunked, chunked, step), body("hello", "GET"));
            let trailed = decode(Framing::Chunked, "1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\nGET", step);
            assert_eq!(trailed, Ok(("a".into(), "A: b\r\nC: d\r\n".into(), "GET".into())));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_chunked_body_is_read_alike_however_it_arrives(text in "[0-9af;x:A \r\n]{0,60}", step in 1_usize..9) {
            let whole = decode(Framing::Chunked, &text, 1000);
            proptest::prop_assert_eq!(decode(Framing::Chunked, &text, step), whole);
        }

        #[test]
        fn every_body_comes_out_of_its_chunks(chunks in proptest::collection::vec("[ -~]{1,40}", 0..8), step in 1_usize..9) {
            let text: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
            let body = decode(Framing::Chunked, &format!("{text}0\r\n\r\nGET"), step);
            proptest::prop_assert_eq!(body, Ok((chunks.concat(), String::new(), "GET".to_owned())));
        }
    }

    #[test]
    fn a_body_cut_short_is_no_body() {
        for text in ["", "5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "0\r\nA: b\r\n"] {
            assert_eq!(decode(Framing::Chunked, text, 100), Err(BodyFault::Truncated), "{text:?}");
        }
        assert_eq!(decode(Framing::Length(5), "hell", 1), Err(BodyFault::Truncated));
    }

    #[test]
    fn a_chunk_with_two_meanings_is_refused() {
        let long = format!("1;{}\r\na", "x".repeat(300));
        let many = "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(300);
        for text in [
            "0x5\r\nhello\r\n",
            "+5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "-1\r\n",
            "\r\n",
            "5\nhello\r\n0\r\n",
            "5\r\nhelloX\r\n0\r\n",
            "5\r\nhello\n0\r\n",
            "ffffffffffffffffff\r\n",
            "g\r\n",
            "5;a\rb\r\nhello",
            "5;\0\r\n",
            "0\r\nA : b\r\n\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\n A: b\r\n\r\n",
            "5;a\nb\r\n",
            &long,
            &many,
        ] {
            for step in [1, 100] {
                assert_eq!(decode(Framing::Chunked, text, step), Err(BodyFault::Malformed), "{text:?}");
            }
        }
    }
}
