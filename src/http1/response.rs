//! [`ResponseHead`]: an upstream's answer without its body.

use std::mem::MaybeUninit;

use awc::http::Method;
use bytes::BytesMut;
use httparse::Status;

use super::{
    FIELDS_MAX, Fields, Framing, HeadFault, HeadLimits, Version,
    fields::refuse_bare_line_feeds,
    request::{Codings, ConnectionOptions, Lengths, framing},
};

/// Head of an answer; everything in it is checked.
#[derive(Clone, Debug)]
pub(crate) struct ResponseHead {
    /// 100 to 999; below 200 another head follows, except after 101.
    pub status: u16,
    pub version: Version,
    pub fields: Fields,
    pub framing: Framing,
    /// True when the upstream goes on with the connection once the body has ended; never after `UntilClose`.
    pub keep_alive: bool,
}

impl ResponseHead {
    /// Takes one head, of the answer to a `method` request, off the front of `buffer`; `None` where more bytes are
    /// needed.
    pub(crate) fn parse(
        buffer: &mut BytesMut,
        limits: &HeadLimits,
        method: &Method,
    ) -> Result<Option<Self>, HeadFault> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = match config.parse_response_with_uninit_headers(&mut parsed, buffer, &mut slots) {
            Ok(Status::Complete(length)) if length <= limits.head => length,
            Ok(Status::Partial) if buffer.len() <= limits.head => return Ok(None),
            Ok(Status::Complete(_) | Status::Partial) => return Err(HeadFault::TooLarge),
            Err(error) => return Err(error.into()),
        };
        refuse_bare_line_feeds(buffer.get(..length).unwrap_or_default())?;
        let status = parsed.code.unwrap_or_default();
        if status < 100 {
            return Err(HeadFault::Malformed("the status is below 100"));
        }
        let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
        let (framing, keep_alive) = read_framing(parsed.headers, version, status, method)?;
        let fields = Fields::locate(parsed.headers, buffer);
        let head = buffer.split_to(length).freeze();
        Ok(Some(Self { status, version, fields: fields.of(head), framing, keep_alive }))
    }
}

/// Framing of the body; true when the connection goes on after it.
fn read_framing(
    fields: &[httparse::Header<'_>],
    version: Version,
    status: u16,
    method: &Method,
) -> Result<(Framing, bool), HeadFault> {
    let (mut lengths, mut codings, mut connection) =
        (Lengths::default(), Codings::default(), ConnectionOptions::default());
    for field in fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            14 if is("content-length") => lengths.add(field.value)?,
            17 if is("transfer-encoding") => codings.add(field.value)?,
            10 if is("connection") => connection.add(field.value),
            _ => {}
        }
    }
    let declared = framing(&lengths, &codings, version)?;
    let bodiless = *method == Method::HEAD || status < 200 || status == 204 || status == 304;
    let framing = if bodiless { Framing::None } else { declared.unwrap_or(Framing::UntilClose) };
    let persists = !connection.close && (version == Version::Http11 || connection.keep_alive);
    Ok((framing, persists && framing != Framing::UntilClose))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<ResponseHead>, HeadFault> {
        ResponseHead::parse(&mut text.into(), &HeadLimits::UPSTREAM, &Method::GET)
    }

    fn framed(text: &str) -> (Framing, bool) {
        let head = parse(&format!("{text}\r\n\r\n")).unwrap().unwrap();
        (head.framing, head.keep_alive)
    }

    #[test]
    fn an_answers_body_ends_where_the_protocol_says() {
        assert_eq!(framed("HTTP/1.1 200 OK\r\nContent-Length: 5"), (Framing::Length(5), true));
        assert_eq!(framed("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked"), (Framing::Chunked, true));
        assert_eq!(framed("HTTP/1.1 200 OK"), (Framing::UntilClose, false));
        assert_eq!(framed("HTTP/1.0 200 OK\r\nContent-Length: 5"), (Framing::Length(5), false));
        assert_eq!(framed("HTTP/1.1 304 Not Modified\r\nContent-Length: 5"), (Framing::None, true));
        assert_eq!(framed("HTTP/1.1 200\r\nContent-Length: 0\r\nConnection: a, CLOSE"), (Framing::None, false));
        let head = ResponseHead::parse(
            &mut "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".into(),
            &HeadLimits::UPSTREAM,
            &Method::HEAD,
        );
        assert_eq!(head.unwrap().unwrap().framing, Framing::None);
    }

    #[test]
    fn an_answer_with_two_meanings_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 5\n\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 099 No\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "garbage\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX));
        assert_eq!(parse(&many).unwrap().unwrap().fields.iter().count(), FIELDS_MAX);
        assert_eq!(parse(&format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(70_000))).unwrap_err(), HeadFault::TooLarge);
    }
}
