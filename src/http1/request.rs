//! [`RequestHead`]: a client's request without its body.

use std::mem::MaybeUninit;

use awc::http::Method;
use bytes::{Bytes, BytesMut};
use httparse::Status;

use super::{
    FIELDS_MAX, Fields, Framing, HeadFault, HeadLimits, Target, Version,
    fields::{list, refuse_bare_line_feeds},
    target::TargetRanges,
};

/// The longest method that is looked at.
const METHOD_BYTES_MAX: usize = 32;

/// Head of a request; everything in it is checked.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    /// Any token but TRACE and CONNECT.
    pub method: Method,
    /// In origin form; `Host` already holds the authority of an absolute one.
    pub target: Target,
    pub version: Version,
    pub fields: Fields,
    /// Never `UntilClose`.
    pub framing: Framing,
    /// True when the client would go on with this connection.
    pub keep_alive: bool,
    /// True when the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// True when `Connection` lists `upgrade`; a body and an upgrade exclude each other here.
    pub wants_upgrade: bool,
}

impl RequestHead {
    /// Takes one head off the front of `buffer`; `None` where more bytes are needed.
    pub(crate) fn parse(buffer: &mut BytesMut, limits: &HeadLimits) -> Result<Option<Self>, HeadFault> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let length = match parsed.parse_with_uninit_headers(buffer, &mut slots) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return refuse_endless(buffer, limits).map(|()| None),
            Err(error) => return Err(explain(error, buffer, limits)),
        };
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else { return Ok(None) };
        check_size(method, target, length, limits)?;
        refuse_bare_line_feeds(buffer.get(..length).unwrap_or_default())?;
        let method = read_method(method)?;
        let written = TargetRanges::read(target.as_bytes(), buffer, method == Method::OPTIONS)?;
        let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
        let facts = Facts::gather(parsed.headers, version)?;
        let fields = Fields::locate(parsed.headers, buffer);
        let head = buffer.split_to(length).freeze();
        Ok(Some(Self::put_together(method, &written, version, fields.of(head.clone()), &facts, &head)))
    }

    fn put_together(
        method: Method,
        written: &TargetRanges,
        version: Version,
        mut fields: Fields,
        facts: &Facts,
        head: &Bytes,
    ) -> Self {
        if let Some(authority) = written.authority {
            fields.replace("host", authority);
        }
        Self {
            method,
            target: written.share(head),
            version,
            fields,
            framing: facts.framing,
            keep_alive: facts.keep_alive,
            expects_continue: facts.expects_continue && facts.framing != Framing::None,
            wants_upgrade: facts.wants_upgrade,
        }
    }
}

/// Properties of the message itself, as its fields state them.
struct Facts {
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
    wants_upgrade: bool,
}

impl Facts {
    fn gather(fields: &[httparse::Header<'_>], version: Version) -> Result<Self, HeadFault> {
        let (mut hosts, mut lengths, mut codings) = (0_u32, Lengths::default(), Codings::default());
        let mut connection = ConnectionOptions::default();
        let mut expects_continue = false;
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is("host") => hosts += 1,
                14 if is("content-length") => lengths.add(field.value)?,
                17 if is("transfer-encoding") => codings.add(field.value)?,
                10 if is("connection") => connection.add(field.value),
                6 if is("expect") && version == Version::Http11 => {
                    expects_continue = read_expectation(field.value)?;
                }
                _ => {}
            }
        }
        if hosts > 1 || (hosts == 0 && version == Version::Http11) {
            return Err(HeadFault::Malformed("a request has exactly one host field"));
        }
        let framing = framing(&lengths, &codings, version)?.unwrap_or(Framing::None);
        let keep_alive = !connection.close && (version == Version::Http11 || connection.keep_alive);
        Ok(Self { framing, keep_alive, expects_continue, wants_upgrade: connection.upgrade })
    }
}

fn read_expectation(value: &[u8]) -> Result<bool, HeadFault> {
    if value.eq_ignore_ascii_case(b"100-continue") { Ok(true) } else { Err(HeadFault::Expectation) }
}

/// The one `Content-Length` there may be.
#[derive(Default)]
pub(super) struct Lengths(Option<u64>);

impl Lengths {
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        match (self.0, number) {
            (None, Some(number)) => {
                self.0 = Some(number);
                Ok(())
            }
            (None, None) => Err(HeadFault::Malformed("content-length is not one decimal number")),
            (Some(_), _) => Err(HeadFault::Malformed("content-length is there twice")),
        }
    }
}

/// The one `Transfer-Encoding` there may be.
#[derive(Default)]
pub(super) struct Codings(bool);

impl Codings {
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.0 {
            return Err(HeadFault::Malformed("transfer-encoding is there twice"));
        }
        self.0 = true;
        if value.eq_ignore_ascii_case(b"chunked") {
            return Ok(());
        }
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-, ".contains(byte);
        let known = list(value).filter(|coding| coding.eq_ignore_ascii_case(b"chunked")).count();
        if known <= 1 && !value.is_empty() && value.iter().all(token) {
            return Err(HeadFault::NotImplemented("the only transfer coding taken is chunked"));
        }
        Err(HeadFault::Malformed("transfer-encoding is malformed"))
    }
}

/// Framing of the body, by these fields; `None` where they do not say.
pub(super) fn framing(lengths: &Lengths, codings: &Codings, version: Version) -> Result<Option<Framing>, HeadFault> {
    match (lengths.0, codings.0) {
        (Some(_), true) => Err(HeadFault::Malformed("content-length and transfer-encoding exclude each other")),
        (None, true) if version == Version::Http10 => Err(HeadFault::Malformed("HTTP/1.0 has no transfer-encoding")),
        (None, true) => Ok(Some(Framing::Chunked)),
        (Some(0), false) => Ok(Some(Framing::None)),
        (Some(length), false) => Ok(Some(Framing::Length(length))),
        (None, false) => Ok(None),
    }
}

/// The options of `Connection` that mean something here.
#[derive(Default)]
pub(super) struct ConnectionOptions {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    upgrade: bool,
}

impl ConnectionOptions {
    pub(super) fn add(&mut self, value: &[u8]) {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}

fn read_method(text: &str) -> Result<Method, HeadFault> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::TRACE | Method::CONNECT) => Err(HeadFault::MethodNotAllowed),
        Ok(method) => Ok(method),
        Err(_) => Err(HeadFault::Malformed("the method is malformed")),
    }
}

fn check_size(method: &str, target: &str, length: usize, limits: &HeadLimits) -> Result<(), HeadFault> {
    if method.len() > METHOD_BYTES_MAX {
        return Err(HeadFault::NotImplemented("no method is that long"));
    }
    if target.len() > limits.target {
        return Err(HeadFault::TargetTooLong);
    }
    if length > limits.head { Err(HeadFault::TooLarge) } else { Ok(()) }
}

/// Refuses a head of which so much came without an end that it cannot become a good one.
fn refuse_endless(buffer: &[u8], limits: &HeadLimits) -> Result<(), HeadFault> {
    let line = first_line(buffer);
    let has_ended = line.len() < buffer.trim_ascii_start().len();
    let method_length = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    if method_length > METHOD_BYTES_MAX {
        return Err(HeadFault::NotImplemented("no method is that long"));
    }
    // The method, two spaces and the version come on top.
    if !has_ended && line.len() > limits.target + method_length + 12 {
        return Err(HeadFault::TargetTooLong);
    }
    if buffer.len() > limits.head { Err(HeadFault::TooLarge) } else { Ok(()) }
}

/// Fault of a head that cannot be parsed: sizes come before everything that may follow from them.
fn explain(error: httparse::Error, buffer: &[u8], limits: &HeadLimits) -> HeadFault {
    if let Err(fault) = refuse_endless(buffer, limits) {
        return fault;
    }
    let is_http = first_line(buffer).windows(6).any(|window| window == b" HTTP/");
    if error == httparse::Error::Version && !is_http {
        return HeadFault::Malformed("the first line is no request of HTTP/1.1");
    }
    error.into()
}

fn first_line(buffer: &[u8]) -> &[u8] {
    let start = buffer.trim_ascii_start();
    start.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
