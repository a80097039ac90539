//! Fields that describe the client to an instance: `Forwarded` (RFC 7239) and its older kin, which say the same.

use std::{borrow::Cow, fmt::Write, net::IpAddr};

use bytes::{BufMut, BytesMut};

use crate::{
    http1::{Fields, line},
    proxy::header_rules::elements,
    web::client_address::{self, node, parameter},
};

/// Writes the addresses of the client and of all proxies up to `peer`, and the scheme and host that the client used.
pub(super) fn write(fields: &Fields, peer: IpAddr, is_trusted: bool, out: &mut BytesMut) {
    let report = if is_trusted { Report::of(fields) } else { Report::default() };
    let host = report.host.or_else(|| text(fields.get("host"))).unwrap_or_default();
    let proto = report.proto.unwrap_or("http");
    out.put_slice(b"X-Forwarded-For: ");
    list(&report.nodes, out);
    // Writing to memory does not fail.
    let _ = write!(out, "{peer}\r\nForwarded: ");
    if report.forwarded.is_empty() {
        // The first element is that of the client, so it alone has what the client used.
        let peer = peer.to_string();
        let mut rest = report.nodes.iter().map(AsRef::as_ref).chain([peer.as_str()]);
        write_node(rest.next().unwrap_or_default(), out);
        write_use(Some(host), Some(proto), out);
        rest.for_each(|node| {
            out.put_slice(b", ");
            write_node(node, out);
        });
    } else {
        list(&report.forwarded, out);
        write_node(&peer.to_string(), out);
        write_use(report.host.is_none().then_some(host), report.proto.is_none().then_some(proto), out);
    }
    out.put_slice(b"\r\n");
    line(out, b"X-Forwarded-Proto", &[proto.as_bytes()]);
    if !host.is_empty() {
        line(out, b"X-Forwarded-Host", &[host.as_bytes()]);
    }
    if let Some(address) = text(fields.get("x-real-ip")).filter(|address| is_trusted && report.agrees(address)) {
        line(out, b"X-Real-IP", &[address.as_bytes()]);
    }
}

/// The client as a trusted proxy describes it.
///
/// Most proxies write `X-Forwarded-…` and pass on a `Forwarded` unread, which their client may have made up. So
/// `Forwarded` counts where it is alone, and is made from the others where it is not.
#[derive(Default)]
struct Report<'a> {
    /// Addresses or other names, the client's first.
    nodes: Vec<Cow<'a, str>>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
    /// `Forwarded` as it came, where it counts.
    forwarded: Vec<&'a str>,
}

impl<'a> Report<'a> {
    fn of(fields: &'a Fields) -> Self {
        let listed = |name: &'static str| fields.all(name).flat_map(elements).filter_map(|element| text(Some(element)));
        let report = Self {
            nodes: listed("x-forwarded-for").map(Cow::Borrowed).collect(),
            proto: listed("x-forwarded-proto").next(),
            host: listed("x-forwarded-host").next(),
            forwarded: Vec::new(),
        };
        if !report.nodes.is_empty() || report.proto.is_some() || report.host.is_some() {
            return report;
        }
        let forwarded =
            || fields.all("forwarded").filter_map(|value| text(Some(value))).filter(|line| !line.is_empty());
        let named = |name: &'static str| {
            forwarded().flat_map(client_address::elements).filter_map(move |element| parameter(element, name))
        };
        let bare = |name: &'a str| node(name).map_or(Cow::Borrowed(name), |address| Cow::Owned(address.to_string()));
        Self {
            nodes: named("for").map(bare).collect(),
            proto: named("proto").next(),
            host: named("host").next(),
            forwarded: forwarded().collect(),
        }
    }

    /// False for another address than the last of a list, which the proxy itself wrote: many proxies pass `X-Real-IP`
    /// and the beginning of the list on as their client made them up.
    fn agrees(&self, address: &str) -> bool {
        self.nodes.last().is_none_or(|last| node(last).is_some_and(|last| node(address) == Some(last)))
    }
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    value.and_then(|value| std::str::from_utf8(value).ok())
}

fn list(items: &[impl AsRef<str>], out: &mut BytesMut) {
    for item in items {
        out.put_slice(item.as_ref().as_bytes());
        out.put_slice(b", ");
    }
}

/// Writes the `for` of an element; an address with colons is quoted, and one of IPv6 in brackets.
fn write_node(node: &str, out: &mut BytesMut) {
    let is_token = !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    // Writing to memory does not fail.
    let _ = if is_token {
        write!(out, "for={node}")
    } else if node.parse::<std::net::Ipv6Addr>().is_ok() {
        write!(out, "for=\"[{node}]\"")
    } else if is_quotable(node) {
        write!(out, "for=\"{node}\"")
    } else {
        write!(out, "for=unknown")
    };
}

/// Writes the parameters of an element that say what the client used.
fn write_use(host: Option<&str>, proto: Option<&str>, out: &mut BytesMut) {
    // Writing to memory does not fail.
    if let Some(host) = host.filter(|host| is_quotable(host)) {
        let _ = write!(out, ";host=\"{host}\"");
    }
    if let Some(proto) = proto.filter(|proto| proto.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        let _ = write!(out, ";proto={proto}");
    }
}

fn is_quotable(text: &str) -> bool {
    !text.is_empty() && !text.contains(['"', '\\'])
}

#[cfg(test)]
mod tests {
    use crate::http1::{HeadLimits, RequestHead};

    use super::*;

    fn sent(is_trusted: bool, fields: &str) -> String {
        let text = format!("GET / HTTP/1.1\nHost: h:1\n{fields}\n").replace('\n', "\r\n");
        let head = RequestHead::parse(&mut text.as_str().into(), &HeadLimits::CLIENT).unwrap().unwrap();
        let mut out = BytesMut::new();
        write(&head.fields, "192.0.2.7".parse().unwrap(), is_trusted, &mut out);
        String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn the_address_of_the_client_is_the_last_of_the_list() {
        let real = |is_trusted, fields: &str| {
            let sent = sent(is_trusted, fields);
            sent.lines().find_map(|line| line.strip_prefix("X-Real-IP: ")).map(str::to_owned)
        };
        let listed = "X-Forwarded-For: 6.6.6.6, 10.0.0.9, [2001:db8::1]:80\n";
        assert_eq!(real(true, &format!("{listed}X-Real-IP: 2001:DB8::1\n")).as_deref(), Some("2001:DB8::1"));
        assert_eq!(real(true, "X-Real-IP: 198.51.100.1\n").as_deref(), Some("198.51.100.1"));
        for made_up in ["6.6.6.6", "10.0.0.9", "unknown", "6.6.6.6, 2001:db8::1"] {
            assert_eq!(real(true, &format!("X-Real-IP: {made_up}\n{listed}")), None, "{made_up}");
        }
        assert_eq!(real(true, "Forwarded: for=198.51.100.1\nX-Real-IP: 6.6.6.6\n"), None);
        assert_eq!(real(false, "X-Real-IP: 192.0.2.7\n"), None);
    }

    const DIRECT: &str = "X-Forwarded-For: 192.0.2.7\nForwarded: for=192.0.2.7;host=\"h:1\";proto=http\n\
                          X-Forwarded-Proto: http\nX-Forwarded-Host: h:1\n";

    #[test]
    fn a_stranger_is_not_believed() {
        let made_up = "X-Forwarded-For: 6.6.6.6\nForwarded: for=6.6.6.6;proto=https\nX-Forwarded-Proto: https\n";
        assert_eq!(sent(false, made_up), DIRECT);
        assert_eq!(sent(true, ""), DIRECT);
    }

    #[test]
    fn the_newer_field_is_made_from_the_older_ones_even_where_a_client_made_it_up() {
        let older =
            "X-Forwarded-For: 198.51.100.1, 2001:db8::1\nX-Forwarded-Proto: https\nX-Forwarded-Host: o.example\n";
        let both = "X-Forwarded-For: 198.51.100.1, 2001:db8::1, 192.0.2.7\n\
                    Forwarded: for=198.51.100.1;host=\"o.example\";proto=https, for=\"[2001:db8::1]\", for=192.0.2.7\n\
                    X-Forwarded-Proto: https\nX-Forwarded-Host: o.example\n";
        assert_eq!(sent(true, older), both);
        assert_eq!(sent(true, &format!("{older}Forwarded: for=6.6.6.6;proto=http\n")), both);
        let proto_alone = sent(true, "X-Forwarded-Proto: https\n");
        assert!(proto_alone.contains("Forwarded: for=192.0.2.7;host=\"h:1\";proto=https\n"), "{proto_alone}");
        let odd = sent(true, "X-Forwarded-For: a\"b, 10.0.0.1:80\nX-Forwarded-Proto: a;b\n");
        assert!(odd.contains("Forwarded: for=unknown;host=\"h:1\", for=\"10.0.0.1:80\", for=192.0.2.7\n"), "{odd}");
    }

    #[test]
    fn the_older_fields_are_made_from_the_newer_one_where_it_is_alone() {
        let whole = "Forwarded: for=\"[2001:db8::1]:99\";proto=https;host=\"o.example\", For=198.51.100.2\n";
        assert_eq!(
            sent(true, whole),
            "X-Forwarded-For: 2001:db8::1, 198.51.100.2, 192.0.2.7\n\
             Forwarded: for=\"[2001:db8::1]:99\";proto=https;host=\"o.example\", For=198.51.100.2, for=192.0.2.7\n\
             X-Forwarded-Proto: https\nX-Forwarded-Host: o.example\n"
        );
        let quoted = sent(true, "Forwarded: for=198.51.100.1;by=\"a, for=6.6.6.6;proto=http\";Proto=https\n");
        let older = "X-Forwarded-For: 198.51.100.1, 192.0.2.7\n";
        assert!(quoted.starts_with(older) && quoted.contains("X-Forwarded-Proto: https\n"), "{quoted}");
        let partial = sent(true, "Forwarded: for=198.51.100.1\n");
        assert!(partial.contains("Forwarded: for=198.51.100.1, for=192.0.2.7;host=\"h:1\";proto=http\n"), "{partial}");
    }
}
