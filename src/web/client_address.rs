//! The client's address: that of its peer, or the one that a trusted proxy reports.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

/// The client's address. `Forwarded` and `X-Forwarded-For` are believed from peers in `trusted` only, read from the
/// right, and only where they do not contradict each other: a proxy that writes one of them lets the client forge the
/// other.
pub(crate) fn address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer?.ip().to_canonical();
    if !contains(trusted, peer) {
        return Some(peer);
    }
    let forwarded = lines(headers, &header::FORWARDED).flat_map(elements).map(|element| parameter(element, "for"));
    let x_forwarded = lines(headers, &header::X_FORWARDED_FOR).flat_map(|line| line.split(','));
    let x_forwarded = x_forwarded.map(str::trim).filter(|entry| !entry.is_empty()).map(Some);
    let (forwarded, x_forwarded) = (right_most_stranger(forwarded, trusted), right_most_stranger(x_forwarded, trusted));
    let are_both = headers.contains_key(header::FORWARDED) && headers.contains_key(&header::X_FORWARDED_FOR);
    let address = match (forwarded, x_forwarded) {
        // Also where one of them names none: a client may have seen to that.
        (one, other) if are_both && one != other => None,
        (one, other) => one.or(other),
    };
    Some(address.unwrap_or(peer))
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    // One that cannot be read is no address either.
    headers.get_all(name).map(|value| value.to_str().unwrap_or("unknown"))
}

/// The last address in the list that is no trusted proxy; `None` where an entry is not an address.
fn right_most_stranger<'a>(entries: impl Iterator<Item = Option<&'a str>>, trusted: &[IpNet]) -> Option<IpAddr> {
    for entry in entries.collect::<Vec<_>>().into_iter().rev() {
        let address = node(entry?)?;
        if !contains(trusted, address) {
            return Some(address);
        }
    }
    None
}

/// True for an address in one of these networks.
pub(crate) fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The elements of a `Forwarded` header (RFC 7239).
pub(crate) fn elements(line: &str) -> impl Iterator<Item = &str> {
    split_unquoted(line, ',').map(str::trim).filter(|element| !element.is_empty())
}

/// A parameter of one element of a `Forwarded` header.
pub(crate) fn parameter<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    split_unquoted(element, ';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// Splits at the separators that stand in no quoted string, which may hold what a client wrote.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |letter| {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return letter == separator && !is_quoted,
        }
        false
    })
}

/// An address with or without port, which may be a made-up one (`_name`), brackets around IPv6 ones.
pub(crate) fn node(text: &str) -> Option<IpAddr> {
    let text = text.split_once(":_").map_or(text, |(node, _)| node);
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1:4000";

    fn seen(peer: &str, fields: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), header::HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.1/32".parse().unwrap(), "172.16.0.0/12".parse().unwrap()];
        address(Some(peer.parse().unwrap()), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(seen("192.0.2.9:1", &[("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")]), "192.0.2.9");
    }

    #[test]
    fn behind_our_proxies_the_right_most_stranger_counts() {
        assert_eq!(seen(PROXY, &[("x-forwarded-for", "6.6.6.6, 192.0.2.7, 172.17.0.2")]), "192.0.2.7");
        assert_eq!(seen(PROXY, &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7:80,, ")]), "192.0.2.7");
        assert_eq!(seen("[::ffff:172.31.255.255]:9", &[("x-forwarded-for", "192.0.2.7")]), "192.0.2.7");
        assert_eq!(seen("172.32.0.1:9", &[("x-forwarded-for", "192.0.2.7")]), "172.32.0.1");
        for last in
            ["for=\"[2001:db8::7]:99\";proto=https", "proto=https; For = \"[2001:db8::7]:_a\"", "for=\"[2001:DB8::7]\""]
        {
            assert_eq!(seen(PROXY, &[("forwarded", "for=6.6.6.6"), ("forwarded", last)]), "2001:db8::7", "{last}");
        }
    }

    #[test]
    fn a_quoted_string_holds_no_other_element_or_parameter() {
        for element in [
            "for=192.0.2.7;host=\"a, for=6.6.6.6\"",
            "host=\"a;for=6.6.6.6\";for=192.0.2.7",
            "host=\"a\\\", for=6.6.6.6\";for=\"192.0.2.7:80\"",
        ] {
            assert_eq!(seen(PROXY, &[("forwarded", element)]), "192.0.2.7", "{element}");
        }
        assert_eq!(seen(PROXY, &[("forwarded", "for=\"6.6.6.6, for=192.0.2.7")]), "10.0.0.1");
        let forged = [("forwarded", "x=\", for=192.0.2.7"), ("x-forwarded-for", "6.6.6.6")];
        assert_eq!(seen(PROXY, &forged), "10.0.0.1");
    }

    #[test]
    fn fields_that_contradict_each_other_or_cannot_be_read_are_not_believed() {
        assert_eq!(seen(PROXY, &[("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=6.6.6.6")]), "10.0.0.1");
        assert_eq!(seen(PROXY, &[("x-forwarded-for", "192.0.2.7, nonsense")]), "10.0.0.1");
        assert_eq!(seen(PROXY, &[("forwarded", "for=unknown")]), "10.0.0.1");
    }
}
