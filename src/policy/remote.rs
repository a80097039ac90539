//! Checks of a remote server's URL and headers, as its owner writes them.

use std::net::Ipv6Addr;

use crate::{
    error::{Faults, below},
    model::Remote,
};

/// Most headers.
pub const HEADERS_MAX: usize = 64;

/// Most bytes of an address.
pub(in crate::policy) const URL_BYTES_MAX: usize = 2048;

/// Most bytes of a header's name.
const HEADER_NAME_BYTES_MAX: usize = 256;

/// Most bytes of a header's value.
const HEADER_VALUE_BYTES_MAX: usize = 8 << 10;

/// Fields that Ostler itself sends, or that are about the connection (RFC 9110, sections 7.2 and 7.6.1); separated by
/// blanks.
const RESERVED_HEADERS: &str = "accept accept-encoding connection content-encoding content-length content-type expect host keep-alive \
    last-event-id te trailer transfer-encoding upgrade";

/// Everything about a remote server that cannot be accepted, by its place in the JSON of a request.
pub fn check(faults: &mut Faults, Remote { url, headers, .. }: &Remote) {
    let refused = refuse_url(url);
    faults.check(refused.is_none(), "/url", refused.unwrap_or_default());
    faults.check(headers.len() <= HEADERS_MAX, "/headers", "must be at most 64 headers");
    for (name, value) in headers.iter().take(HEADERS_MAX) {
        let refused = refuse_name(name).or_else(|| refuse_value(value));
        faults.check(refused.is_none(), below("/headers", name), refused.unwrap_or_default());
    }
    let mut names: Vec<_> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
    faults.check(!twice, "/headers", "must not name a header twice, in whatever case");
}

/// Scheme, host and port of an address that can be accepted, so that equal ones are the same place.
#[must_use]
pub fn origin(url: &str) -> Option<(bool, String, u16)> {
    let lower = url.to_ascii_lowercase();
    let (is_secure, rest) = match lower.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, lower.strip_prefix("http://")?),
    };
    let (host, port) = split_port(rest.split(['/', '?']).next()?);
    let port = port.map_or(Ok(if is_secure { 443 } else { 80 }), str::parse);
    Some((is_secure, host.to_owned(), port.ok()?))
}

/// The path of a URL, without its query.
#[must_use]
pub fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?', '#']).map_or("", |at| rest.split_at(at).1);
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The reason why a server cannot be at `url`; `None` where it can.
pub(in crate::policy) fn refuse_url(url: &str) -> Option<&'static str> {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let Some(rest) = scheme.and_then(|scheme| url.get(scheme.len()..)) else {
        return Some("must begin with https:// or http://");
    };
    if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("must be at most 2048 visible ASCII characters, others percent-encoded");
    }
    if url.contains('#') {
        return Some("must have no fragment");
    }
    if url.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return Some("must have characters that no address may hold percent-encoded");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("must not hold a user or a password; send them as a header");
    }
    (!is_authority(authority)).then_some("must name a host, and may name a port")
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    port.is_none_or(is_port) && is_host(host)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_part = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (1..=63).contains(&part.len()) && plain
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_part)
}

fn refuse_name(name: &str) -> Option<&'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=HEADER_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_token) {
        return Some("must have a name of 1 to 256 letters, digits and !#$%&'*+-.^_`|~");
    }
    let name = name.to_ascii_lowercase();
    let is_reserved = RESERVED_HEADERS.split_whitespace().any(|one| one == name)
        || name.starts_with("mcp-")
        || name.starts_with("proxy-");
    is_reserved.then_some("is set by Ostler itself, or is about the connection")
}

fn refuse_value(value: &str) -> Option<&'static str> {
    if value.len() > HEADER_VALUE_BYTES_MAX {
        return Some("must be at most 8 KiB");
    }
    let visible = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    (!visible || value.trim() != value).then_some("must be visible ASCII without blanks at its ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(remote: &Remote) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults, remote);
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn an_address_is_that_of_an_http_server() {
        for url in [
            "https://example.com/mcp",
            "HTTP://example.com",
            "http://127.0.0.1:3010/mcp?key=%20",
            "https://[::1]:8443/mcp",
            "http://[fe80::1]",
            "http://a_b.internal.:80?x",
        ] {
            assert_eq!(refuse_url(url), None, "{url}");
        }
        for url in [
            "",
            "example.com/mcp",
            "ftp://example.com",
            "https://",
            "https:///mcp",
            "https://user:secret@example.com/",
            "https://example.com/#tools",
            "https://example.com/a b",
            "https://example.com/\u{e4}",
            "https://example.com:0/",
            "https://example.com:+1/",
            "https://example.com:/",
            "https://[::1/",
            "https://[example]/",
            "https://a..b/",
            "https://exa{m}ple/",
        ] {
            assert!(refuse_url(url).is_some(), "{url}");
        }
        assert!(refuse_url(&format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX))).is_some());
    }

    #[test]
    fn a_path_ends_at_the_query_even_where_it_is_empty() {
        for (url, expected) in [
            ("https://a.example", ""),
            ("https://a.example/mcp/b?c=/d", "/mcp/b"),
            ("https://a.example?c=/d", ""),
            ("https://a.example/#/b", "/"),
        ] {
            assert_eq!(path(url), expected, "{url}");
        }
    }

    #[test]
    fn reserved_headers_are_refused() {
        let with = |name: &str, value: &str| {
            let headers = [(name.to_owned(), value.to_owned())].into();
            pointers(&Remote { headers, ..Remote::new("https://example.com") })
        };
        assert_eq!(with("Authorization", "Bearer abc"), [""; 0]);
        for name in
            ["Host", "content-length", "Mcp-Session-Id", "MCP-Protocol-Version", "Proxy-Authorization", "TE", "a b", ""]
        {
            assert_eq!(with(name, "x"), [format!("/headers/{name}")], "{name}");
        }
        for value in ["a\nb", "a\0", "\u{e4}", " a"] {
            assert_eq!(with("X", value), ["/headers/X"], "{value:?}");
        }
    }

    #[test]
    fn too_many_and_duplicate_headers_are_reported() {
        let headers = (0..=HEADERS_MAX).map(|n| (format!("X-{n}"), String::new())).collect();
        assert_eq!(pointers(&Remote { headers, ..Remote::new("https://example.com") }), ["/headers"]);
        let headers = ["X-Key", "x-key"].map(|name| (name.to_owned(), String::new())).into();
        assert_eq!(pointers(&Remote { headers, ..Remote::new("") }), ["/url", "/headers"]);
    }
}
