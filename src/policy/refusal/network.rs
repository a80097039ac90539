//! Hosts in lines about a connection that was refused.

use crate::{
    model::{Grant, Network, Refusal},
    policy::{
        refusal::{
            containment::ContainedProcess,
            lines::{has, refusal},
        },
        sandbox::is_host,
    },
};

/// Signs of the proxy's refusal: of node, bun, npm, git, curl, uv and Python.
const PROXY: [&str; 8] = [
    "CONNECT tunnel failed, response 403",
    "Tunnel connection failed: 403",
    "tunnel error: unsuccessful",
    "Proxy response (403)",
    "ERR_PROXY_TUNNEL",
    "Proxy refused to open a tunnel: 403",
    "npm error 403",
    "ProxyError",
];

/// Signs of a name or an address that is out of reach, where a server has no network.
const UNREACHABLE: [&str; 9] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ENETUNREACH",
    "ENOTCACHED",
    "Name or service not known",
    "emporary failure in name resolution",
    "etwork is unreachable",
    "Could not resolve host",
    "dns error",
];

/// Words before the name of a host that is no URL.
const BEFORE_HOST: [&str; 5] = ["ENOTFOUND ", "EAI_AGAIN ", "Could not resolve host: ", "host='", "lookup "];

/// A connection that the sandbox does not grant.
pub(super) fn refused(lines: &[String], ContainedProcess { sandbox, .. }: ContainedProcess<'_>) -> Option<Refusal> {
    if sandbox.network == Network::Full {
        return None;
    }
    let is_sign = |line: &&String| has(line, &PROXY) || has(line, &UNREACHABLE);
    let signs: Vec<_> = lines.iter().rev().filter(is_sign).collect();
    let by_proxy = has(signs.first()?, &PROXY);
    // Another line may have the name: a client names the URL, its library the proxy.
    let host = signs.into_iter().chain(lines.iter().rev()).find_map(|line| host_in(line));
    match host.map(str::to_ascii_lowercase) {
        Some(host) if is_granted(&sandbox.network, &host) => None,
        Some(host) => {
            let reason = format!("its sandbox does not grant connections to {host}: allow them with `sandbox.network`");
            Some(refusal(reason, Some(Grant::Host { host })))
        }
        None if by_proxy || sandbox.network == Network::None => Some(refusal(
            "its sandbox refused a connection: its timeline names the host, and `sandbox.network` grants it",
            None,
        )),
        None => None,
    }
}

fn is_granted(network: &Network, host: &str) -> bool {
    let covers = |pattern: &String| match pattern.strip_prefix('*') {
        Some(domain) => host.ends_with(&domain.to_ascii_lowercase()),
        None => host.eq_ignore_ascii_case(pattern),
    };
    match network {
        Network::Full => true,
        Network::None => false,
        Network::Hosts(hosts) => hosts.iter().any(covers),
    }
}

/// The host of a URL in a line, or of the words before one.
fn host_in(line: &str) -> Option<&str> {
    let after = |words: &str| Some(line.split_once(words)?.1);
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "/?#'\"`,:)".contains(c);
    let rest = ["https://", "http://"].iter().chain(&BEFORE_HOST).find_map(|words| after(words))?;
    let host = rest.split(is_end).next()?.trim_end_matches('.');
    // An address has no name to be granted by.
    let is_name = host.contains('.') && host.contains(|c: char| c.is_ascii_alphabetic()) && !host.starts_with('*');
    (is_name && is_host(host)).then_some(host)
}
