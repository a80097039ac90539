//! The head that a client gets: that of the instance, reframed, without hop-by-hop fields.

use actix_web::http::{Method, StatusCode};
use bytes::{BufMut, BytesMut};

use crate::{
    http1::{Framing, ResponseHead, Version, length_line, line, status_line},
    proxy::{
        cut_prefix::CutPrefix,
        header_rules::{FieldRule, rule_of},
        request::{connection_options, is_named},
        request_id,
    },
};

/// The parts of the client's request that determine the head.
#[derive(Clone, Copy)]
pub(super) struct AnswerContext<'a> {
    /// The framing of the body; `UntilClose` for a client of HTTP/1.0.
    pub(super) framing: Framing,
    /// The method it answers.
    pub(super) method: &'a Method,
    /// The version the client speaks.
    pub(super) version: Version,
    /// True when the connection persists.
    pub(super) keep_alive: bool,
    /// The request's id.
    pub(super) id: &'a str,
    /// The start of its path that the instance did not get.
    pub(super) cut: Option<&'a CutPrefix<'a>>,
}

/// The framing for a client of `version` of an answer that came as `framing`.
pub(super) fn reframe(framing: Framing, version: Version) -> Framing {
    match (framing, version) {
        (Framing::None | Framing::Length(_), _) => framing,
        (Framing::Chunked | Framing::UntilClose, Version::Http11) => Framing::Chunked,
        (Framing::Chunked | Framing::UntilClose, Version::Http10) => Framing::UntilClose,
    }
}

/// Writes the head of the answer, up to its last line.
pub(super) fn write(head: &ResponseHead, answer_context: &AnswerContext<'_>, out: &mut BytesMut) {
    write_status(head.status, out);
    copy_fields(head, answer_context.cut, out);
    // nginx would hold events back until its buffer is full.
    if is_event_stream(head) && head.fields.get("x-accel-buffering").is_none() {
        line(out, b"X-Accel-Buffering", &[b"no"]);
    }
    write_framing(head, answer_context, out);
    match (answer_context.keep_alive, answer_context.version) {
        (true, Version::Http11) => {}
        (true, Version::Http10) => out.put_slice(b"Connection: keep-alive\r\n"),
        (false, Version::Http11 | Version::Http10) => out.put_slice(b"Connection: close\r\n"),
    }
    finish(head, answer_context.id, out);
}

/// True for a stream of events, which ends when the client disconnects.
pub(super) fn is_event_stream(head: &ResponseHead) -> bool {
    let stream = b"text/event-stream";
    let kind = head.fields.get("content-type").and_then(|value| value.get(..stream.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(stream))
}

/// Writes the head of a `101 Switching Protocols`, after which the connection speaks another protocol.
pub(super) fn write_switch(head: &ResponseHead, id: &str, out: &mut BytesMut) {
    write_status(head.status, out);
    copy_fields(head, None, out);
    out.put_slice(b"Connection: Upgrade\r\n");
    head.fields.all("upgrade").for_each(|protocol| line(out, b"Upgrade", &[protocol]));
    finish(head, id, out);
    out.put_slice(b"\r\n");
}

/// Writes an interim answer.
pub(super) fn write_interim(head: &ResponseHead, out: &mut BytesMut) {
    write_status(head.status, out);
    copy_fields(head, None, out);
    out.put_slice(b"\r\n");
}

fn write_status(status: u16, out: &mut BytesMut) {
    if status == 200 {
        return out.put_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    status_line(out, itoa::Buffer::new().format(status), reason.as_bytes());
}

fn copy_fields(head: &ResponseHead, cut: Option<&CutPrefix<'_>>, out: &mut BytesMut) {
    let named = connection_options(head.fields.all("connection"));
    for (name, value) in head.fields.iter() {
        match rule_of(name) {
            FieldRule::Plain | FieldRule::Location | FieldRule::SetCookie if is_named(&named, name) => {}
            FieldRule::Hop
            | FieldRule::Connection
            | FieldRule::Upgrade
            | FieldRule::Te
            | FieldRule::Framing
            | FieldRule::RequestId => {}
            FieldRule::Location => {
                let whole = cut.and_then(|cut| cut.location(value));
                line(out, name, &[whole.as_deref().map_or(value, str::as_bytes)]);
            }
            FieldRule::SetCookie => {
                let whole = cut.and_then(|cut| cut.cookie(value));
                line(out, name, &[whole.as_deref().map_or(value, str::as_bytes)]);
            }
            FieldRule::Plain
            | FieldRule::Expect
            | FieldRule::Host
            | FieldRule::Authorization
            | FieldRule::Cookie
            | FieldRule::Forwarded
            | FieldRule::ForwardedFor
            | FieldRule::ForwardedHost
            | FieldRule::ForwardedProto
            | FieldRule::ForwardedPrefix
            | FieldRule::RealIp
            | FieldRule::Proxy
            | FieldRule::Via
            | FieldRule::TraceParent
            | FieldRule::TraceState
            | FieldRule::Ostler => line(out, name, &[value]),
        }
    }
    // An answer that asks for an upgrade must say for which (RFC 9110, section 15.5.22).
    if head.status == 426 {
        line(out, b"Connection", &[b"Upgrade"]);
        head.fields.all("upgrade").for_each(|protocol| line(out, b"Upgrade", &[protocol]));
    }
}

fn write_framing(head: &ResponseHead, answer_context: &AnswerContext<'_>, out: &mut BytesMut) {
    match answer_context.framing {
        Framing::Length(length) => length_line(out, length),
        Framing::Chunked => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::UntilClose => {}
        Framing::None if head.status == 204 || head.status < 200 => {}
        // The length that GET would have had (RFC 9110, section 8.6).
        Framing::None if *answer_context.method == Method::HEAD || head.status == 304 => {
            head.fields.all("content-length").for_each(|length| line(out, b"Content-Length", &[length]));
        }
        Framing::None => length_line(out, 0),
    }
}

fn finish(head: &ResponseHead, id: &str, out: &mut BytesMut) {
    let version: &[u8] = if head.version == Version::Http10 { b"1.0 " } else { b"1.1 " };
    line(out, b"Via", &[version, request_id::PSEUDONYM.as_bytes()]);
    line(out, b"X-Request-Id", &[id.as_bytes()]);
}

#[cfg(test)]
mod tests {
    use crate::http1::HeadLimits;

    use super::*;

    fn answered(method: &Method, version: Version, keep_alive: bool, text: &str) -> String {
        let text = text.replace('\n', "\r\n");
        let head = ResponseHead::parse(&mut text.as_str().into(), &HeadLimits::UPSTREAM, method).unwrap().unwrap();
        let framing = reframe(head.framing, version);
        let mut out = BytesMut::new();
        write(&head, &AnswerContext { framing, method, version, keep_alive, id: "r-1", cut: None }, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n");
        text.replace(&format!("Via: 1.1 {}\nX-Request-Id: r-1\n", *request_id::PSEUDONYM), "")
    }

    #[test]
    fn an_answer_is_framed_for_its_client() {
        let get = |version, text: &str| answered(&Method::GET, version, version == Version::Http11, text);
        let length = "HTTP/1.1 200 OK\nContent-Length: 5\nA: b\n\n";
        assert_eq!(get(Version::Http11, length), "HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n");
        let close = "HTTP/1.1 200 OK\nConnection: close\n\n";
        assert_eq!(get(Version::Http11, close), "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n");
        assert_eq!(get(Version::Http10, close), "HTTP/1.1 200 OK\nConnection: close\n");
        let head = answered(&Method::HEAD, Version::Http11, true, length);
        assert_eq!(head, "HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n");
        assert_eq!(get(Version::Http11, "HTTP/1.1 204 None\nContent-Length: 5\n\n"), "HTTP/1.1 204 No Content\n");
        let old = get(Version::Http11, "HTTP/1.1 304 Old\nContent-Length: 5\n\n");
        assert_eq!(old, "HTTP/1.1 304 Not Modified\nContent-Length: 5\n");
        let events =
            |more| get(Version::Http11, &format!("HTTP/1.1 200 OK\nContent-Type: Text/Event-Stream; a=b\n{more}\n"));
        assert_eq!(events("").matches("X-Accel-Buffering: no\n").count(), 1);
        assert!(!events("x-accel-buffering: yes\n").contains(": no"));
        let empty = get(Version::Http11, "HTTP/1.1 404 X\nContent-Length: 0\n\n");
        assert_eq!(empty, "HTTP/1.1 404 Not Found\nContent-Length: 0\n");
    }

    #[test]
    fn what_ends_here_is_not_passed_on() {
        let text = "HTTP/1.1 426 U\nConnection: X-Priv, Upgrade\nX-Priv: 1\nKeep-Alive: 5\nProxy-Authenticate: x\nUpgrade: a/1\n\
                    X-Request-Id: theirs\nContent-Length: 0\n\n";
        let answered = answered(&Method::GET, Version::Http11, true, text);
        assert_eq!(answered, "HTTP/1.1 426 Upgrade Required\nConnection: Upgrade\nUpgrade: a/1\nContent-Length: 0\n");
    }
}
