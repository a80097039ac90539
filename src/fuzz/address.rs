//! Addresses that callers name: of connections, hosts and networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::{
    error::Faults,
    model::Remote,
    policy::{address::is_public, remote, sandbox, service::is_refused},
    supervisor,
    web::{HostCheck, HttpSettings, client_address},
};

/// Longest answer to a question over UDP.
const ANSWER_BYTES_MAX: usize = 512;

/// A decision about an address or a host is that about its other spellings, and that of another reader.
pub fn address(input: &[u8]) {
    if let Some((bits, _)) = input.split_first_chunk::<16>() {
        let [a, b, c, d, ..] = *bits;
        number(Ipv4Addr::new(a, b, c, d).into());
        number(Ipv6Addr::from(*bits).into());
    }
    question(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    host(text);
    url(text);
    name(text);
    network(text);
}

fn number(address: IpAddr) {
    let mapped = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(_) => address.to_canonical(),
    };
    assert_eq!((is_public(address), is_refused(address)), (is_public(mapped), is_refused(mapped)), "{address}");
    assert!(!is_public(address) || !is_refused(address), "{address}");
    let texts = [address.to_string(), format!("[{address}]"), format!("{address}:_a")];
    let with_port = std::net::SocketAddr::new(address, 80).to_string();
    for text in texts.iter().chain([&with_port]) {
        assert_eq!(client_address::node(text), Some(address.to_canonical()), "{text}");
    }
}

/// A `Host` that is taken is one of Ostler's to a browser as well.
fn host(text: &str) {
    let settings = HttpSettings { allowed_hosts: vec!["Team.example".into()], ..HttpSettings::default() };
    let check = HostCheck::new(&settings);
    let is_taken = |text: &str| check.check_host(text).is_ok();
    assert_eq!(is_taken(text), is_taken(&text.to_ascii_uppercase()), "{text}");
    if !is_taken(text) {
        return;
    }
    let url = Url::parse(&format!("http://{text}/")).unwrap();
    assert_eq!((url.path(), url.username(), url.password(), url.query()), ("/", "", None, None), "{text}");
    let is_ours = match url.host() {
        Some(Host::Domain(name)) => ["localhost", "team.example"].contains(&name.trim_end_matches('.')),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    };
    assert!(is_ours, "{text}");
}

/// An address of a server leads where another reader goes.
fn url(text: &str) {
    let mut faults = Faults::default();
    remote::check(&mut faults, &Remote::new(text));
    if !faults.0.is_empty() {
        return;
    }
    let (is_secure, host, port) = remote::origin(text).unwrap();
    assert_eq!(remote::origin(&text.to_ascii_uppercase()), remote::origin(text), "{text}");
    // Numbers that are no address are no name to others; they are looked up, and checked when they are dialled.
    let Ok(url) = Url::parse(text) else { return };
    assert_eq!((url.scheme() == "https", url.port_or_known_default()), (is_secure, Some(port)), "{text}");
    match url.host() {
        Some(Host::Domain(name)) => assert_eq!(name, host, "{text}"),
        Some(Host::Ipv6(address)) => {
            assert_eq!(host.trim_matches(['[', ']']).parse(), Ok(address), "{text}");
        }
        Some(Host::Ipv4(_)) | None => {}
    }
    let path = remote::path(text);
    // Other readers resolve `.` and `..`.
    let is_plain = !url.path().contains("/.") && !path.contains("/.") && !path.to_ascii_lowercase().contains("/%2e");
    assert!(!is_plain || path == url.path() || (path.is_empty() && url.path() == "/"), "{text}");
}

/// A pattern stands for names below it alone, in any case.
fn name(text: &str) {
    let hosts = ["example.com", "*.Example.org"].map(str::to_owned);
    let is_admitted = sandbox::admits_host(&hosts, text);
    let lower = text.to_ascii_lowercase();
    assert_eq!(is_admitted, sandbox::admits_host(&hosts, &lower), "{text}");
    let is_below = lower.strip_suffix(".example.org").is_some_and(|label| !label.is_empty());
    assert_eq!(is_admitted, lower == "example.com" || is_below, "{text}");
}

/// A network has the addresses from its first to its last, IPv4 ones in either form.
fn network(text: &str) {
    let Some((network, address)) = text.split_once(' ') else { return };
    let (Ok(network), Ok(address)) = (network.parse::<IpNet>(), address.parse::<IpAddr>()) else { return };
    let is_within = network.network() <= address && address <= network.broadcast();
    let is_same_version = network.addr().is_ipv4() == address.is_ipv4();
    assert_eq!(client_address::contains(&[network], address), is_within && is_same_version, "{text}");
}

/// An answer repeats the question, fits into a datagram, and is for a name that could be allowed.
fn question(message: &[u8]) {
    let addresses = [IpAddr::from([192, 0, 2, 1]), Ipv6Addr::LOCALHOST.into()].repeat(20);
    let Some((name, answer)) = supervisor::answered(message, &addresses) else { return };
    assert!(answer.len() <= ANSWER_BYTES_MAX, "{} bytes", answer.len());
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.?".contains(&byte)), "{name}");
    assert_eq!(name, name.to_ascii_lowercase());
    // The id, and the question behind both headers.
    let name_bytes = if name.is_empty() { 1 } else { name.len() + 2 };
    let asked = 12 + name_bytes + 4;
    assert_eq!((answer.get(..2), answer.get(12..asked)), (message.get(..2), message.get(12..asked)));
    assert!(supervisor::answered(&answer, &addresses).is_none(), "an answer is no question");
}
