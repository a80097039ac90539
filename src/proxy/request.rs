//! The head that an instance gets: what the client said, without what ends here, with what Ostler adds.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use crate::{
    http1::{Framing, RequestHead, Version, length_line, line},
    model::{ServiceSpec, TraceContext, combine_tracestate},
    proxy::{
        client_fields,
        header_rules::{FieldRule, elements, rule_of},
        request_id,
    },
    secrets::SESSION_COOKIE,
};

/// The context of a request: what Ostler adds to its head.
pub(super) struct RequestContext<'a> {
    /// The service it is for.
    pub(super) spec: &'a ServiceSpec,
    /// The address of the peer.
    pub(super) peer: IpAddr,
    /// True when the peer is a trusted proxy.
    pub(super) is_trusted: bool,
    /// The authenticated user.
    pub(super) user: Option<&'a str>,
    /// The id it is answered with.
    pub(super) id: &'a str,
    /// The span it is sent in, where spans are made.
    pub(super) span: Option<TraceContext>,
}

/// The request was here before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForwardingLoop;

/// Writes the head of `head` for an instance.
pub(super) fn write(
    head: &RequestHead,
    request_context: &RequestContext<'_>,
    out: &mut BytesMut,
) -> Result<(), ForwardingLoop> {
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    write_target(head, request_context.spec, out);
    out.put_slice(b" HTTP/1.1\r\n");
    let seen = copy_fields(head, request_context, out)?;
    if !seen.host {
        // HTTP/1.0 need not name one; HTTP/1.1 must have the field.
        out.put_slice(b"Host: \r\n");
    }
    write_framing(head, &seen, out);
    write_connection(head, out);
    client_fields::write(&head.fields, request_context.peer, request_context.is_trusted, out);
    let prefix = forwarded_prefix(head, request_context.spec, request_context.is_trusted);
    if !prefix.is_empty() {
        line(out, b"X-Forwarded-Prefix", &[prefix.as_bytes()]);
    }
    let version = if head.version == Version::Http10 { "1.0" } else { "1.1" };
    line(out, b"Via", &[version.as_bytes(), b" ", request_id::PSEUDONYM.as_bytes()]);
    line(out, b"X-Request-Id", &[request_context.id.as_bytes()]);
    match request_context.span {
        Some(span) => line(out, b"traceparent", &[span.to_string().as_bytes()]),
        None if seen.trace => {}
        None => {
            out.put_slice(b"traceparent: ");
            request_id::write_traceparent(out);
            out.put_slice(b"\r\n");
        }
    }
    if let Some(state) = trace_state(head) {
        line(out, b"tracestate", &[state.as_bytes()]);
    }
    if let Some(user) = request_context.user {
        line(out, b"X-Ostler-User", &[user.as_bytes()]);
    }
    out.put_slice(b"\r\n");
    Ok(())
}

/// The head that an instance gets of a client that is not trusted, for `fuzz`; `None` for one that was here before.
#[cfg(any(test, fuzzing))]
pub(crate) fn forwarded(head: &RequestHead, spec: &ServiceSpec) -> Option<BytesMut> {
    let peer = std::net::Ipv4Addr::LOCALHOST.into();
    let context = RequestContext { spec, peer, is_trusted: false, user: None, id: "id", span: None };
    let mut out = BytesMut::new();
    write(head, &context, &mut out).ok().map(|()| out)
}

/// The fields of the client that determine further ones.
#[derive(Default)]
struct ClientFields {
    host: bool,
    trace: bool,
    length: bool,
}

/// Without the base path where the service says so. A target always begins with a slash.
fn write_target(head: &RequestHead, spec: &ServiceSpec, out: &mut BytesMut) {
    let target = head.target.as_str();
    let base = spec.base_path.trim_end_matches('/');
    let rest = if spec.strip_prefix { target.strip_prefix(base) } else { None };
    let rest = rest.unwrap_or(target);
    if !rest.starts_with('/') && target != "*" {
        out.put_u8(b'/');
    }
    out.put_slice(rest.as_bytes());
}

fn copy_fields(
    head: &RequestHead,
    request_context: &RequestContext<'_>,
    out: &mut BytesMut,
) -> Result<ClientFields, ForwardingLoop> {
    let mut seen = ClientFields::default();
    let named: Vec<&[u8]> = connection_options(head.fields.all("connection"));
    let has_trace = trace_context(head).is_some();
    for (name, value) in head.fields.iter() {
        match rule_of(name) {
            FieldRule::Plain | FieldRule::Location | FieldRule::SetCookie if is_named(&named, name) => {}
            FieldRule::Plain | FieldRule::Location | FieldRule::SetCookie => line(out, name, &[value]),
            FieldRule::Host => {
                seen.host = true;
                line(out, name, &[value]);
            }
            FieldRule::Authorization if request_context.spec.pass_credentials => line(out, name, &[value]),
            FieldRule::Cookie if request_context.spec.pass_credentials => line(out, name, &[value]),
            FieldRule::Cookie => write_cookies(value, out),
            FieldRule::Via if contains(value, request_id::PSEUDONYM.as_bytes()) => return Err(ForwardingLoop),
            FieldRule::Via => line(out, name, &[value]),
            FieldRule::TraceParent if request_context.span.is_some() => {}
            FieldRule::TraceParent if has_trace => {
                seen.trace = true;
                line(out, name, &[value]);
            }
            FieldRule::Proxy if request_context.is_trusted => line(out, name, &[value]),
            FieldRule::Framing => seen.length |= name.len() == "content-length".len(),
            FieldRule::Hop
            | FieldRule::Connection
            | FieldRule::Upgrade
            | FieldRule::Te
            | FieldRule::Expect
            | FieldRule::Authorization
            | FieldRule::Forwarded
            | FieldRule::ForwardedFor
            | FieldRule::ForwardedHost
            | FieldRule::ForwardedProto
            | FieldRule::ForwardedPrefix
            | FieldRule::RealIp
            | FieldRule::Proxy
            | FieldRule::RequestId
            | FieldRule::TraceParent
            | FieldRule::TraceState
            | FieldRule::Ostler => {}
        }
    }
    Ok(seen)
}

/// The fields that `Connection` names, besides the options that are none.
pub(super) fn connection_options<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let options: [&[u8]; 4] = [b"keep-alive", b"close", b"upgrade", b"te"];
    let is_option = |element: &&[u8]| options.iter().any(|option| element.eq_ignore_ascii_case(option));
    values.flat_map(elements).filter(|element| !is_option(element)).collect()
}

/// True where `name` is among them.
pub(super) fn is_named(named: &[&[u8]], name: &[u8]) -> bool {
    named.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// All cookies but the sessions of this Ostler and of others on its host.
fn write_cookies(value: &[u8], out: &mut BytesMut) {
    let pairs = || value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
    let is_from_us = |pair: &&[u8]| {
        let rest = pair.strip_prefix(SESSION_COOKIE.as_bytes()).map(<[u8]>::trim_ascii_start);
        rest.is_some_and(|rest| rest.starts_with(b"=") || rest.starts_with(b"_"))
    };
    if !pairs().any(|pair| is_from_us(&pair)) {
        return line(out, b"Cookie", &[value]);
    }
    let mut separator: &[u8] = b"Cookie: ";
    for pair in pairs().filter(|pair| !is_from_us(pair)) {
        out.put_slice(separator);
        out.put_slice(pair);
        separator = b"; ";
    }
    if separator == b"; " {
        out.put_slice(b"\r\n");
    }
}

fn write_framing(head: &RequestHead, seen: &ClientFields, out: &mut BytesMut) {
    match head.framing {
        Framing::Length(length) => length_line(out, length),
        Framing::None if seen.length => length_line(out, 0),
        Framing::None | Framing::UntilClose => {}
        Framing::Chunked => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if head.expects_continue {
        out.put_slice(b"Expect: 100-continue\r\n");
    }
}

/// The client's wishes for the next hop, passed on: an upgrade, and trailers.
fn write_connection(head: &RequestHead, out: &mut BytesMut) {
    if head.wants_upgrade
        && let Some(protocol) = head.fields.get("upgrade")
    {
        line(out, b"Connection", &[b"Upgrade"]);
        return line(out, b"Upgrade", &[protocol]);
    }
    if head.fields.all("te").flat_map(elements).any(|coding| coding.eq_ignore_ascii_case(b"trailers")) {
        out.put_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
}

/// The start of the caller's path that the instance does not get: what trusted proxies cut off, and Ostler itself.
pub(super) fn forwarded_prefix(head: &RequestHead, spec: &ServiceSpec, is_trusted: bool) -> String {
    let before = head.fields.get("x-forwarded-prefix").filter(|_| is_trusted).unwrap_or_default();
    let before = std::str::from_utf8(before).ok().filter(|before| is_path(before)).unwrap_or_default();
    let before = before.trim_end_matches('/');
    let own = if spec.strip_prefix { spec.base_path.trim_end_matches('/') } else { "" };
    format!("{before}{own}")
}

/// True for a path that may stand in `Location` and in a cookie's `Path`: nothing in it ends either, or names a host.
fn is_path(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\\;,\"".contains(&byte);
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(fits)
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(value, part).is_some()
}

/// The trace context of the client; none where it is named twice (Trace Context, section 3.2).
pub(super) fn trace_context(head: &RequestHead) -> Option<TraceContext> {
    let mut named = head.fields.all("traceparent");
    let only = named.next().filter(|_| named.next().is_none())?;
    std::str::from_utf8(only).ok().and_then(TraceContext::parse)
}

/// The state of the client's trace.
fn trace_state(head: &RequestHead) -> Option<String> {
    let fields = head.fields.all("tracestate").map(|field| std::str::from_utf8(field).unwrap_or("?"));
    // It means nothing without the trace (Trace Context, section 3.3).
    combine_tracestate(fields).filter(|_| trace_context(head).is_some())
}

#[cfg(test)]
mod tests {
    use crate::http1::HeadLimits;

    use super::*;

    fn sent(spec: &ServiceSpec, is_trusted: bool, text: &str) -> Result<String, ForwardingLoop> {
        let head =
            RequestHead::parse(&mut text.replace('\n', "\r\n").as_str().into(), &HeadLimits::CLIENT).unwrap().unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        let context = RequestContext { spec, peer, is_trusted, user: Some("ann@example.com"), id: "r-1", span: None };
        let mut out = BytesMut::new();
        write(&head, &context, &mut out)?;
        Ok(String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n"))
    }

    fn spec() -> ServiceSpec {
        ServiceSpec::new("s", "/api/s")
    }

    #[test]
    fn what_ends_here_is_not_passed_on() {
        let text = sent(
            &spec(),
            false,
            "GET /api/s/a?b HTTP/1.1\nHost: h\nConnection: close, X-Secret, X-Forwarded-For\nX-Secret: 1\nKeep-Alive: 5\nTE: gzip\n\
             Proxy-Authorization: x\nAuthorization: Bearer y\nX-Ostler-User: root\nX_Ostler_User: root\n\
             X-Forwarded-For: 6.6.6.6\nForwarded: for=6.6.6.6\nX-Real-IP: 6.6.6.6\nCookie: a=b; ostler_session=s; ostler_session_1f=s; c=d\nAccept: */*\n\n",
        )
        .unwrap();
        assert!(text.starts_with("GET /api/s/a?b HTTP/1.1\nHost: h\nCookie: a=b; c=d\nAccept: */*\n"), "{text}");
        for line in [
            "X-Forwarded-For: 192.0.2.7",
            "Forwarded: for=192.0.2.7;host=\"h\";proto=http",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Host: h",
            "X-Request-Id: r-1",
            "X-Ostler-User: ann@example.com",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is missing: {text}");
        }
        for gone in ["6.6.6.6", "root", "Secret", "Bearer", "Keep-Alive", "gzip", "Proxy-", "ostler_session"] {
            assert!(!text.contains(gone), "{gone} is there: {text}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_its_list_extended() {
        let text = sent(
            &spec(),
            true,
            "GET / HTTP/1.1\nHost: h\nX-Forwarded-For: 198.51.100.1\nForwarded: for=198.51.100.1\nX-Forwarded-Proto: https\n\
             X-Forwarded-Port: 443\n\n",
        )
        .unwrap();
        for line in [
            "X-Forwarded-For: 198.51.100.1, 192.0.2.7",
            "Forwarded: for=198.51.100.1;host=\"h\";proto=https, for=192.0.2.7",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is missing: {text}");
        }
    }

    #[test]
    fn the_prefix_is_stripped_only_where_the_service_says_so() {
        let strips = ServiceSpec { strip_prefix: true, pass_credentials: true, ..spec() };
        let first = |spec, target: &str| {
            let text = sent(spec, false, &format!("GET {target} HTTP/1.1\nHost: h\n\n")).unwrap();
            text.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(first(&strips, "/api/s/a?b"), "/a?b");
        assert_eq!(first(&strips, "/api/s?b"), "/?b");
        assert_eq!(first(&strips, "/api/s"), "/");
        let plain = spec();
        assert_eq!(first(&plain, "/api/s/a?b"), "/api/s/a?b");
        let root = ServiceSpec { strip_prefix: true, ..ServiceSpec::new("s", "/") };
        assert_eq!(first(&root, "/a"), "/a");
        let sees = |spec, is_trusted| {
            let text = "GET /api/s/a HTTP/1.1\nHost: h\nX-Forwarded-Prefix: /outer/\n\n";
            let text = sent(spec, is_trusted, text).unwrap();
            text.lines().find_map(|line| line.strip_prefix("X-Forwarded-Prefix: ")).map(str::to_owned)
        };
        let wanted = |text: &str| Some(text.to_owned());
        assert_eq!([sees(&strips, false), sees(&strips, true)], [wanted("/api/s"), wanted("/outer/api/s")]);
        assert_eq!([sees(&plain, false), sees(&plain, true)], [None, wanted("/outer")]);
        let text = sent(&strips, false, "GET / HTTP/1.1\nHost: h\nAuthorization: Bearer y\n\n").unwrap();
        assert!(text.contains("\nAuthorization: Bearer y\n"), "{text}");
    }

    #[test]
    fn a_request_that_comes_round_again_is_seen() {
        let via = format!("GET / HTTP/1.1\nHost: h\nVia: 1.1 other, 1.1 {}\n\n", *request_id::PSEUDONYM);
        assert_eq!(sent(&spec(), false, &via), Err(ForwardingLoop));
        assert!(
            sent(&spec(), false, "GET / HTTP/1.1\nHost: h\nVia: 1.1 other\n\n").unwrap().contains("Via: 1.1 other")
        );
    }

    #[test]
    fn upgrades_trailers_and_traces_are_passed_on() {
        let upgrade = "GET / HTTP/1.1\nHost: h\nConnection: keep-alive, Upgrade\nUpgrade: odd/1\n\n";
        let text = sent(&spec(), false, upgrade).unwrap();
        assert!(text.contains("\nConnection: Upgrade\nUpgrade: odd/1\n"), "{text}");
        let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let head = format!("POST / HTTP/1.1\nHost: h\nTE: trailers\nTransfer-Encoding: chunked\n{trace}\n\n");
        let text = sent(&spec(), false, &head).unwrap();
        assert!(text.contains("\nTE: trailers\n") && text.contains("\nTransfer-Encoding: chunked\n"), "{text}");
        assert!(text.contains(trace) && text.matches("traceparent").count() == 1, "{text}");
        let twice = format!("GET / HTTP/1.1\nHost: h\n{trace}\n{trace}\ntracestate: a=b\n\n");
        let made = sent(&spec(), false, &twice).unwrap();
        assert!(made.matches("traceparent").count() == 1 && !made.contains(trace), "{made}");
        assert!(!made.contains("tracestate"), "{made}");
        let states = format!("GET / HTTP/1.1\nHost: h\ntracestate: a=b\n{trace}\ntracestate: c=d, e=f\n\n");
        let made = sent(&spec(), false, &states).unwrap();
        assert!(made.contains("\ntracestate: a=b,c=d,e=f\n") && made.matches("tracestate").count() == 1, "{made}");
        let unread = format!("GET / HTTP/1.1\nHost: h\n{trace}\ntracestate: no state\n\n");
        let made = sent(&spec(), false, &unread).unwrap();
        assert!(made.contains(trace) && !made.contains("tracestate"), "{made}");
        let made = sent(&spec(), false, "GET / HTTP/1.1\nHost: h\ntraceparent: nonsense\n\n").unwrap();
        assert!(made.matches("traceparent: 00-").count() == 1 && !made.contains("nonsense"), "{made}");
    }
}
