//! [`Kind`]: what a proxy must know about a field by its name.

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Passed on as it is.
    Plain,
    /// Ends here: for this connection only (RFC 9110, section 7.6.1), or meant for us.
    Hop,
    /// `Connection`, which names more fields that end here.
    Connection,
    /// `Upgrade`, `TE` and `Expect`: made anew where what they ask for is passed on.
    Upgrade,
    Te,
    Expect,
    /// `Content-Length` and `Transfer-Encoding`: made anew from how the body is framed.
    Framing,
    /// `Host`.
    Host,
    /// `Authorization`.
    Authorization,
    /// `Cookie`.
    Cookie,
    /// `Forwarded`.
    Forwarded,
    /// `X-Forwarded-For`, `-Host` and `-Proto`.
    ForwardedFor,
    ForwardedHost,
    ForwardedProto,
    /// What else proxies say about the client: believed from proxies of ours only.
    Proxy,
    /// `Via`.
    Via,
    /// `X-Request-Id`.
    RequestId,
    /// `traceparent` and `tracestate`.
    TraceParent,
    TraceState,
    /// `X-Ostler-…`: said by Ostler alone.
    Ours,
}

const KINDS: &[(&[u8], Kind)] = &[
    (b"te", Kind::Te),
    (b"via", Kind::Via),
    (b"host", Kind::Host),
    (b"cookie", Kind::Cookie),
    (b"expect", Kind::Expect),
    (b"upgrade", Kind::Upgrade),
    (b"forwarded", Kind::Forwarded),
    (b"x-real-ip", Kind::Proxy),
    (b"connection", Kind::Connection),
    (b"keep-alive", Kind::Hop),
    (b"tracestate", Kind::TraceState),
    (b"traceparent", Kind::TraceParent),
    (b"x-request-id", Kind::RequestId),
    (b"authorization", Kind::Authorization),
    (b"content-length", Kind::Framing),
    (b"http2-settings", Kind::Hop),
    (b"x-forwarded-for", Kind::ForwardedFor),
    (b"proxy-connection", Kind::Hop),
    (b"x-forwarded-host", Kind::ForwardedHost),
    (b"transfer-encoding", Kind::Framing),
    (b"x-forwarded-proto", Kind::ForwardedProto),
    (b"proxy-authenticate", Kind::Hop),
    (b"proxy-authorization", Kind::Hop),
    (b"proxy-authentication-info", Kind::Hop),
];

/// The kind of the field `name`. An underscore counts as a hyphen: to programs that get fields as variables both are one.
pub(super) fn kind(name: &[u8]) -> Kind {
    // Most names differ from all of these in length or in their first letter.
    let of = |(known, _): &&(&[u8], Kind)| known.len() == name.len() && is(name, known);
    if let Some((_, kind)) = KINDS.iter().find(of) {
        return *kind;
    }
    if starts(name, b"x-ostler-") {
        Kind::Ours
    } else if starts(name, b"x-forwarded-") {
        Kind::Proxy
    } else {
        Kind::Plain
    }
}

fn starts(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| is(start, prefix))
}

/// `known` is in lower case, of the same length.
fn is(name: &[u8], known: &[u8]) -> bool {
    let same = |(one, other): (&u8, &u8)| one.to_ascii_lowercase() == *other || (*one == b'_' && *other == b'-');
    name.iter().zip(known).all(same)
}

/// The elements of a list field's value, without the space around them.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_in_any_case_and_spelling() {
        assert_eq!(kind(b"Transfer-Encoding"), Kind::Framing);
        assert_eq!(kind(b"KEEP-ALIVE"), Kind::Hop);
        assert_eq!(kind(b"Accept"), Kind::Plain);
        assert_eq!(kind(b"X-Ostler-User"), Kind::Ours);
        assert_eq!(kind(b"x_ostler_user"), Kind::Ours);
        assert_eq!(kind(b"X-Forwarded_For"), Kind::ForwardedFor);
        assert_eq!(kind(b"X-Forwarded-Prefix"), Kind::Proxy);
        assert_eq!(kind(b"X-Ostle"), Kind::Plain);
    }

    #[test]
    fn a_list_is_read_without_its_empty_elements() {
        let read: Vec<_> = elements(b" a ,, b,\tc ").collect();
        assert_eq!(read, [b"a", b"b", b"c"]);
    }
}
