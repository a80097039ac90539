//! Requests of clients and answers of instances, one after the other on a connection.

use awc::http::Method;
use bytes::BytesMut;

use crate::{
    fuzz::{
        http1_request::{self, written},
        stream,
    },
    http1::{BodyDecoder, BodyEncoder, Framing, HeadLimits, Piece, RequestHead, ResponseHead, Version},
};

/// However the bytes of a connection are cut, the messages on it are the same; a head that is taken is read as the same
/// once it is written out, so is what an instance gets of it, and a body comes out of what it is encoded as.
pub fn http1(input: &[u8]) {
    let Some(([kind, size], input)) = input.split_first_chunk() else { return };
    let stream = stream::extended(input);
    let read = match kind % 4 {
        0 | 1 => Connection::read_heads,
        2 => Connection::read_answers,
        _ => Connection::read_answers_to_head,
    };
    let in_pieces = Connection::read(stream::pieces(*size, &stream), read);
    assert_eq!(in_pieces, Connection::read([stream.as_slice()].into_iter(), read));
    in_pieces.messages.iter().filter(|message| message.is_whole).for_each(encoded);
}

/// A message as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct WireMessage {
    /// Its head, written out.
    head: BytesMut,
    body: Vec<u8>,
    trailers: Vec<u8>,
    is_whole: bool,
}

/// The messages on a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Connection {
    messages: Vec<WireMessage>,
    /// True when the connection cannot go on.
    is_refused: bool,
}

/// A head and the framing of its body; `Err` where it is refused.
type HeadRead = Result<Option<(BytesMut, Framing)>, ()>;

impl Connection {
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, head: fn(&mut BytesMut) -> HeadRead) -> Self {
        let (mut connection, mut buffer, mut body) = (Self::default(), BytesMut::new(), None);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            if connection.take(&mut buffer, &mut body, head).is_err() {
                connection.is_refused = true;
                break;
            }
        }
        connection
    }

    /// Takes what there is in the buffer.
    fn take(
        &mut self,
        buffer: &mut BytesMut,
        body: &mut Option<BodyDecoder>,
        head: fn(&mut BytesMut) -> HeadRead,
    ) -> Result<(), ()> {
        loop {
            let (Some(decoder), Some(message)) = (body.as_mut(), self.messages.last_mut()) else {
                let Some((head, framing)) = head(buffer)? else { return Ok(()) };
                self.messages.push(WireMessage { head, ..WireMessage::default() });
                *body = Some(BodyDecoder::new(framing));
                continue;
            };
            match decoder.decode(buffer).map_err(drop)? {
                Piece::Data(data) => message.body.extend_from_slice(&data),
                Piece::Trailers(trailers) => message.trailers.extend_from_slice(&trailers),
                Piece::End => {
                    message.is_whole = true;
                    *body = None;
                }
                Piece::Pending => return Ok(()),
            }
        }
    }

    fn read_heads(buffer: &mut BytesMut) -> HeadRead {
        let head = RequestHead::parse(buffer, &HeadLimits::CLIENT).map_err(drop)?;
        Ok(head.map(|head| (http1_request::check(&head), head.framing)))
    }

    fn read_answers(buffer: &mut BytesMut) -> HeadRead {
        Self::read_answer(buffer, &Method::GET)
    }

    fn read_answers_to_head(buffer: &mut BytesMut) -> HeadRead {
        Self::read_answer(buffer, &Method::HEAD)
    }

    fn read_answer(buffer: &mut BytesMut, method: &Method) -> HeadRead {
        let Some(head) = ResponseHead::parse(buffer, &HeadLimits::UPSTREAM, method).map_err(drop)? else {
            return Ok(None);
        };
        assert!((100..=999).contains(&head.status));
        assert!(*method != Method::HEAD || head.framing == Framing::None);
        let first = format!("HTTP/1.{} {}", u8::from(head.version == Version::Http11), head.status);
        let written = written(&first, &head.fields);
        let limits = HeadLimits { head: usize::MAX, ..HeadLimits::UPSTREAM };
        let again = ResponseHead::parse(&mut written.clone(), &limits, method).unwrap().unwrap();
        let facts = |head: &ResponseHead| (head.status, head.version, head.framing, head.keep_alive);
        assert_eq!(facts(&again), facts(&head));
        assert!(again.fields.iter().eq(head.fields.iter()));
        Ok(Some((written, head.framing)))
    }
}

/// A body in chunks is read as it was.
fn encoded(message: &WireMessage) {
    let (mut encoder, mut wire) = (BodyEncoder::new(Framing::Chunked), BytesMut::new());
    for piece in message.body.chunks(700) {
        assert_eq!(encoder.open(piece.len(), &mut wire), Ok(true));
        wire.extend_from_slice(piece);
        encoder.close(&mut wire);
    }
    encoder.finish(&message.trailers, &mut wire).unwrap();
    let mut connection = Connection { messages: vec![WireMessage::default()], is_refused: false };
    let mut body = Some(BodyDecoder::new(Framing::Chunked));
    connection.take(&mut wire, &mut body, |_| Ok(None)).unwrap();
    let again = connection.messages.pop().unwrap();
    assert!(again.is_whole && wire.is_empty());
    assert_eq!((&again.body, &again.trailers), (&message.body, &message.trailers));
}
