//! [`FieldRule`]: the treatment of a header field by a proxy, by the field's name.

/// The treatment of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldRule {
    /// Passed on as it is.
    Plain,
    /// Ends here: for this connection only (RFC 9110, section 7.6.1), or meant for us.
    Hop,
    /// `Connection`, which names more fields that end here.
    Connection,
    /// `Upgrade`, `TE` and `Expect`: written again where the request is passed on.
    Upgrade,
    Te,
    Expect,
    /// `Content-Length` and `Transfer-Encoding`: written again from the framing of the body.
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
    /// `X-Forwarded-Prefix`: the start of the path that proxies cut off.
    ForwardedPrefix,
    /// `X-Real-IP`: accepted from trusted proxies, where it names the last address of `X-Forwarded-For`.
    RealIp,
    /// Other fields in which proxies describe the client: accepted from trusted proxies only.
    Proxy,
    /// `Location` and `Content-Location`, which name a path.
    Location,
    /// `Set-Cookie`, which may name one.
    SetCookie,
    /// `Via`.
    Via,
    /// `X-Request-Id`.
    RequestId,
    /// `traceparent` and `tracestate`.
    TraceParent,
    TraceState,
    /// `X-Ostler-…`: said by Ostler alone.
    Ostler,
}

const FIELD_RULES: &[(&[u8], FieldRule)] = &[
    (b"te", FieldRule::Te),
    (b"via", FieldRule::Via),
    (b"host", FieldRule::Host),
    (b"cookie", FieldRule::Cookie),
    (b"expect", FieldRule::Expect),
    (b"upgrade", FieldRule::Upgrade),
    (b"location", FieldRule::Location),
    (b"forwarded", FieldRule::Forwarded),
    (b"x-real-ip", FieldRule::RealIp),
    (b"connection", FieldRule::Connection),
    (b"keep-alive", FieldRule::Hop),
    (b"set-cookie", FieldRule::SetCookie),
    (b"tracestate", FieldRule::TraceState),
    (b"traceparent", FieldRule::TraceParent),
    (b"x-request-id", FieldRule::RequestId),
    (b"authorization", FieldRule::Authorization),
    (b"content-length", FieldRule::Framing),
    (b"http2-settings", FieldRule::Hop),
    (b"x-forwarded-for", FieldRule::ForwardedFor),
    (b"proxy-connection", FieldRule::Hop),
    (b"content-location", FieldRule::Location),
    (b"x-forwarded-host", FieldRule::ForwardedHost),
    (b"transfer-encoding", FieldRule::Framing),
    (b"x-forwarded-proto", FieldRule::ForwardedProto),
    (b"x-forwarded-prefix", FieldRule::ForwardedPrefix),
    (b"proxy-authenticate", FieldRule::Hop),
    (b"proxy-authorization", FieldRule::Hop),
    (b"proxy-authentication-info", FieldRule::Hop),
];

/// The kind of the field `name`. An underscore counts as a hyphen: to programs that get fields as variables both are
/// one.
pub(super) fn rule_of(name: &[u8]) -> FieldRule {
    // Most names differ from all of these in length or in their first letter.
    let of = |(known, _): &&(&[u8], FieldRule)| known.len() == name.len() && is(name, known);
    if let Some((_, rule)) = FIELD_RULES.iter().find(of) {
        return *rule;
    }
    if starts(name, b"x-ostler-") {
        FieldRule::Ostler
    } else if starts(name, b"x-forwarded-") {
        FieldRule::Proxy
    } else {
        FieldRule::Plain
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
        assert_eq!(rule_of(b"Transfer-Encoding"), FieldRule::Framing);
        assert_eq!(rule_of(b"KEEP-ALIVE"), FieldRule::Hop);
        assert_eq!(rule_of(b"Accept"), FieldRule::Plain);
        assert_eq!(rule_of(b"X-Ostler-User"), FieldRule::Ostler);
        assert_eq!(rule_of(b"x_ostler_user"), FieldRule::Ostler);
        assert_eq!(rule_of(b"X-Forwarded_For"), FieldRule::ForwardedFor);
        assert_eq!(rule_of(b"X-Forwarded-Port"), FieldRule::Proxy);
        assert_eq!(rule_of(b"X-Ostle"), FieldRule::Plain);
    }

    #[test]
    fn a_list_is_read_without_its_empty_elements() {
        let read: Vec<_> = elements(b" a ,, b,\tc ").collect();
        assert_eq!(read, [b"a", b"b", b"c"]);
    }
}
