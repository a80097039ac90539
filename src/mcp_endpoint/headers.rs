//! The headers in which a modern request repeats what its body says (2026-07-28, transports/streamable-http).

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{json_rpc_id::JsonRpcId, refusal::MessageRefusal};
use crate::{
    mcp::{ClientMethod, Request},
    web::event_stream,
};

/// The revision a request is of.
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The session of an older client.
pub(super) const SESSION_HEADER: HeaderName = HeaderName::from_static("mcp-session-id");
/// The last event that was seen of a stream.
pub(super) const LAST_EVENT_ID_HEADER: HeaderName = HeaderName::from_static("last-event-id");
/// The `Accept` of clients that keep to the specification; it need not be parsed.
const ACCEPT_BOTH: &str = "application/json, text/event-stream";
const METHOD_HEADER: HeaderName = HeaderName::from_static("mcp-method");
const NAME_HEADER: HeaderName = HeaderName::from_static("mcp-name");

/// The only value of a header; `Err` where there are several, or one that is no plain text.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(format!("the header {name} is there twice"));
    }
    first.map(|value| value.to_str().map_err(|_| format!("the header {name} is not plain ASCII"))).transpose()
}

/// Reads `Accept`: true where the client takes event streams, true where it takes any form we have.
pub(super) fn accepts(headers: &HeaderMap) -> (bool, bool) {
    match headers.get(header::ACCEPT) {
        Some(value) if value != ACCEPT_BOTH => {}
        Some(_) | None => return (true, true),
    }
    let values = headers.get_all(header::ACCEPT);
    let media = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    media.filter_map(|part| part.split(';').next()).fold((false, false), |(events, anything), media| {
        let is = |names: &[&str]| names.iter().any(|name| media.trim_ascii().eq_ignore_ascii_case(name));
        let events = events || is(&[event_stream::CONTENT_TYPE, "text/*", "*/*"]);
        (events, anything || events || is(&["application/json", "application/*"]))
    })
}

/// Refuses a request whose headers do not say what its body says.
pub(super) fn check(
    headers: &HeaderMap,
    id: &JsonRpcId,
    version: &str,
    request: &Request,
) -> Result<(), MessageRefusal> {
    let refuse = |message: String| MessageRefusal::header(Some(id.clone()), &message);
    let must_be = |name: &HeaderName, expected: &str, decode: bool| {
        let value = only(headers, name).map_err(refuse)?;
        let value = value.ok_or_else(|| refuse(format!("the header {name} is missing")))?;
        let value = if decode { decoded(value) } else { Some(Cow::Borrowed(value)) };
        match value {
            Some(value) if value == expected => Ok(()),
            Some(_) => Err(refuse(format!("the header {name} says something else than the body"))),
            None => Err(refuse(format!("the header {name} cannot be decoded"))),
        }
    };
    must_be(&VERSION_HEADER, version, false)?;
    must_be(&METHOD_HEADER, &request.method, false)?;
    let repeated = ClientMethod::find(&request.method).and_then(|known| known.name_param);
    match repeated.and_then(|param| request.params.text(param.member())) {
        Some(name) => must_be(&NAME_HEADER, &name, true),
        // A request that lacks its name is refused by the handler that looks it up.
        None => Ok(()),
    }
}

/// Decodes a header's value; `None` where it is marked as Base64 and is not, or is not text.
pub(super) fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => Some(Cow::Owned(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?)),
        None => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::{
        mcp::MODERN,
        mcp_endpoint::message::{ClientMessage, PostBody},
    };

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn checked(pairs: &[(&'static str, &'static str)], body: &str) -> Result<(), String> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,{body}}}"#);
        let PostBody::One(ClientMessage::Request(id, request)) = PostBody::parse(text.as_bytes()).unwrap() else {
            panic!("{text}")
        };
        check(&headers(pairs), &id, MODERN, &request).map_err(|refusal| {
            assert_eq!((refusal.status, refusal.code()), (400, -32020));
            refusal.error.get().to_owned()
        })
    }

    const CALL: &str = r#""method":"tools/call","params":{"name":"äh"}"#;
    const LIST: &str = r#""method":"tools/list""#;
    const VERSIONED: (&str, &str) = ("mcp-protocol-version", MODERN);

    #[test]
    fn headers_that_repeat_the_body_pass() {
        checked(&[VERSIONED, ("mcp-method", "tools/list")], LIST).unwrap();
        checked(&[VERSIONED, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?w6Ro?=")], CALL).unwrap();
        let plain = r#""method":"resources/read","params":{"uri":"file:///a?=b"}"#;
        checked(&[VERSIONED, ("mcp-method", "resources/read"), ("mcp-name", "file:///a?=b")], plain).unwrap();
    }

    #[test]
    fn a_header_that_is_missing_twice_there_or_different_is_refused() {
        let cases: [&[(&str, &str)]; 8] = [
            &[("mcp-method", "tools/call"), ("mcp-name", "=?base64?w6Ro?=")],
            &[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "=?base64?w6Ro?=")],
            &[VERSIONED, ("mcp-name", "=?base64?w6Ro?=")],
            &[VERSIONED, ("mcp-method", "Tools/Call"), ("mcp-name", "=?base64?w6Ro?=")],
            &[VERSIONED, ("mcp-method", "tools/call")],
            &[VERSIONED, ("mcp-method", "tools/call"), ("mcp-name", "ah")],
            &[VERSIONED, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?w6R?=")],
            &[VERSIONED, ("mcp-method", "tools/call"), ("mcp-name", "=?BASE64?w6Ro?=")],
        ];
        for pairs in cases {
            // `HeaderMap` is made from the pairs in `headers`.
            let pairs: Vec<(&'static str, &'static str)> = pairs.to_vec();
            checked(&pairs, CALL).unwrap_err();
        }
        let mut twice = headers(&[VERSIONED]);
        twice.append(VERSION_HEADER, HeaderValue::from_static(MODERN));
        assert!(only(&twice, &VERSION_HEADER).is_err());
    }

    #[test]
    fn only_what_is_marked_as_base64_is_decoded() {
        assert_eq!(decoded("SGVsbG8=").as_deref(), Some("SGVsbG8="));
        assert_eq!(decoded("=?base64?SGVsbG8=").as_deref(), Some("=?base64?SGVsbG8="));
        assert_eq!(decoded("=?base64?SGVsbG8=?=").as_deref(), Some("Hello"));
        assert_eq!(decoded("=?base64??=").as_deref(), Some(""));
        for broken in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?/w==?="] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn who_says_nothing_of_what_it_takes_takes_everything() {
        assert_eq!(accepts(&headers(&[])), (true, true));
        assert_eq!(accepts(&headers(&[("accept", "application/json, text/event-stream;q=0.5")])), (true, true));
        assert_eq!(accepts(&headers(&[("accept", "application/json")])), (false, true));
        assert_eq!(accepts(&headers(&[("accept", "text/html")])), (false, false));
    }
}
