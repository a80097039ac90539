//! The head of a request that is taken.

use bytes::BytesMut;

use crate::{
    http1::{FIELDS_MAX, Fields, Framing, HeadLimits, RequestHead, Version, line},
    model::ServiceSpec,
    proxy,
};

/// Fields that Ostler may add for an instance, and some more.
const ADDED_FIELDS_MAX: usize = 16;

/// Checks a head, and returns it written out.
pub(super) fn check(head: &RequestHead) -> BytesMut {
    assert_ne!(head.framing, Framing::UntilClose);
    assert!(head.fields.all("host").count() == 1 || head.version == Version::Http10);
    assert!(head.target.as_str() == "*" || !has_dot_segment(head.target.path()), "{}", head.target.path());
    let version = u8::from(head.version == Version::Http11);
    let written = written(&format!("{} {} HTTP/1.{version}", head.method, head.target.as_str()), &head.fields);
    let again = parse(written.clone());
    assert_eq!(facts(&again), facts(head));
    assert_eq!(again.version, head.version);
    assert!(again.fields.iter().eq(head.fields.iter()));
    if head.fields.iter().count() < FIELDS_MAX - ADDED_FIELDS_MAX {
        check_forwarded(head);
    }
    written
}

/// A head with this first line, written out.
pub(super) fn written(first: &str, fields: &Fields) -> BytesMut {
    let mut head = BytesMut::from(format!("{first}\r\n").as_bytes());
    for (name, value) in fields.iter() {
        assert!(!name.is_empty() && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')));
        line(&mut head, name, &[value]);
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The path by which a request asks for `path`; `None` where it cannot.
pub(super) fn target_of(path: &str) -> Option<String> {
    let mut head = BytesMut::from(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_str());
    let head = RequestHead::parse(&mut head, &HeadLimits::CLIENT).ok()??;
    Some(head.target.path().to_owned())
}

/// An instance gets one head with the same meaning.
fn check_forwarded(head: &RequestHead) {
    let Some(forwarded) = proxy::forwarded(head, &ServiceSpec::new("a", "/")) else { return };
    let again = parse(forwarded);
    let meaning = |head: &RequestHead| (head.method.clone(), head.target.clone(), head.framing, head.expects_continue);
    assert_eq!(meaning(&again), meaning(head));
    assert!(again.keep_alive);
    for name in ["keep-alive", "proxy-connection", "proxy-authorization", "authorization", "x-ostler-user"] {
        assert_eq!(again.fields.get(name), None, "{name}");
    }
}

/// The one head there is.
fn parse(mut head: BytesMut) -> RequestHead {
    let limits = HeadLimits { head: usize::MAX, ..HeadLimits::CLIENT };
    let read = RequestHead::parse(&mut head, &limits).unwrap().unwrap();
    assert!(head.is_empty());
    read
}

fn facts(head: &RequestHead) -> impl PartialEq + std::fmt::Debug {
    let connection = (head.framing, head.keep_alive, head.expects_continue, head.wants_upgrade);
    (head.method.clone(), head.target.clone(), connection)
}

/// True where a reader that decodes a path first finds `.` or `..` in it.
fn has_dot_segment(path: &str) -> bool {
    let replace = |path: String, (code, text): (&str, &str)| path.replace(code, text);
    let decoded = [("%2e", "."), ("%2f", "/"), ("%3b", ";")].into_iter().fold(path.to_ascii_lowercase(), replace);
    let names = decoded.split('/').filter_map(|segment| segment.split(';').next());
    names.into_iter().any(|name| matches!(name, "." | ".."))
}
