//! Checks of a service to register, and the paths that are the node's own.

use std::{net::IpAddr, time::Duration};

use crate::{
    error::Faults,
    model::{HealthCheck, InstanceChange, InstanceSpec, Serve, ServiceLimit, ServiceSpec},
};

/// Most instances of a service.
pub const INSTANCES_MAX: usize = 256;
/// Heaviest weight.
pub const WEIGHT_MAX: u32 = 1000;
/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 1024;
/// Longest name of a service, and of a part of a host's.
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest name of a host (RFC 1035).
pub const HOST_BYTES_MAX: usize = 253;
/// A limit counts its requests one by one.
pub const RATE_LIMIT_MAX: u32 = 1_000_000;
/// Most checks in a row that may be asked for.
pub const CHECKS_IN_A_ROW_MAX: u32 = 100;
/// Most other instances tried.
pub const RETRIES_MAX: u32 = 10;
/// Longest time of anything.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Paths that the node always serves itself, each with all below it.
const RESERVED_PATHS: [&str; 21] = [
    "/",
    "/.well-known/oauth-protected-resource",
    "/oauth/consent",
    "/oauth/callback",
    "/oauth/client.json",
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs.css",
    "/api/auth",
    "/api/audit",
    "/api/calls",
    "/api/events",
    "/api/gateway",
    "/api/history",
    "/api/overview",
    "/api/system",
    "/dashboard",
];

/// Paths that it serves itself while MCP servers are on.
const RESERVED_MCP_PATHS: [&str; 7] =
    ["/api/mcp", "/api/catalogue", "/api/packages", "/api/secrets", "/api/templates", "/mcp", "/v0.1/servers"];

/// Everything in `spec` that cannot be accepted, by its place in the JSON of a request.
#[must_use]
pub fn faults(spec: &ServiceSpec) -> Faults {
    let mut faults = Faults::default();
    check_name(&mut faults, &spec.name);
    check_base_path(&mut faults, &spec.base_path);
    check_instances(&mut faults, &spec.instances);
    check_endpoint(&mut faults, "/healthEndpoint", spec.health_endpoint.as_deref());
    check_health(&mut faults, &spec.health_check);
    check_limit(&mut faults, spec.rate_limit);
    check_time(&mut faults, "/timeout", spec.timeout);
    let keep_alive = spec.keep_alive.unwrap_or_default();
    faults.check(keep_alive <= DAY, "/keepAlive", "must be at most 86400000 milliseconds, which is a day");
    faults.check(spec.retries <= RETRIES_MAX, "/retries", "must be at most 10");
    faults.check(spec.max_connections != Some(0), "/maxConnections", "must be at least 1; leave it out for no limit");
    faults
}

/// Everything in `change` that cannot be accepted, by its place in the JSON of a request.
#[must_use]
pub fn change_faults(change: &InstanceChange) -> Faults {
    let mut faults = Faults::default();
    check_weight(&mut faults, "/weight", change.weight.unwrap_or_default());
    faults
}

fn check_name(faults: &mut Faults, name: &str) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let sound = name.bytes().all(part) && ends(name.bytes().next()) && name.len() <= LABEL_BYTES_MAX;
    faults.check(sound, "/name", "must be 1 to 63 letters, digits, `-`, `_` or `.`, the first a letter or digit");
}

fn check_base_path(faults: &mut Faults, path: &str) {
    let fault = path_fault(path).or_else(|| (path.len() > 1 && path.ends_with('/')).then_some("must not end with `/`"));
    let fault = fault.or_else(|| path.contains(['?', '%']).then_some("must have neither a query nor `%`"));
    faults.check(fault.is_none(), "/basePath", fault.unwrap_or_default());
}

fn check_endpoint(faults: &mut Faults, pointer: &str, path: Option<&str>) {
    let fault = path.and_then(path_fault);
    faults.check(fault.is_none(), pointer, fault.unwrap_or_default());
}

/// The reason why `path` can be no path of a request.
fn path_fault(path: &str) -> Option<&'static str> {
    let before_query = path.split('?').next().unwrap_or_default();
    if !path.starts_with('/') || path.len() > PATH_BYTES_MAX {
        Some("must begin with `/` and have at most 1024 bytes")
    } else if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte)) {
        Some("must have visible ASCII characters only, and none of \" # < > \\ ^ ` { | }; write others as %XX")
    } else if before_query.contains("//") || before_query.split('/').any(is_dot_segment) {
        Some("must have neither empty segments nor `.` nor `..`")
    } else {
        None
    }
}

/// True for `.` and `..`, with parameters or without: `http1` refuses requests for either.
fn is_dot_segment(segment: &str) -> bool {
    segment.split(';').next().is_some_and(|name| matches!(name, "." | ".."))
}

fn check_instances(faults: &mut Faults, instances: &[InstanceSpec]) {
    let fits = (1..=INSTANCES_MAX).contains(&instances.len());
    faults.check(fits, "/instances", "must be 1 to 256 instances");
    for (index, instance) in instances.iter().enumerate().take(INSTANCES_MAX) {
        let pointer = |field: &str| format!("/instances/{index}/{field}");
        let fault = host_fault(&instance.host);
        faults.check(fault.is_none(), pointer("host"), fault.unwrap_or_default());
        faults.check(instance.port != 0, pointer("port"), "must be 1 to 65535");
        check_weight(faults, pointer("weight"), instance.weight);
        let place = |other: &&InstanceSpec| (&other.host, other.port) == (&instance.host, instance.port);
        let twice = instances.iter().take(index).any(|other| place(&other));
        faults.check(!twice, format!("/instances/{index}"), "is there already; give it more weight instead");
    }
}

fn check_weight(faults: &mut Faults, pointer: impl Into<String>, weight: u32) {
    faults.check(weight <= WEIGHT_MAX, pointer, "must be 0 to 1000");
}

fn host_fault(host: &str) -> Option<&'static str> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_refused(address).then_some(
            "must not be an unspecified, multicast or link-local address: metadata of a cloud is served on those",
        );
    }
    let label = |label: &str| {
        let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(part)
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    // A name that ends in a number is an address written oddly: resolvers read 0x7f.1 and 2130706433 as such.
    let odd =
        name.rsplit('.').next().is_some_and(|last| last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()));
    let sound = host.len() <= HOST_BYTES_MAX && name.split('.').all(label) && !odd;
    (!sound).then_some("must be a host name in lower case or an IP address, without scheme, port or brackets")
}

/// True when nothing may be forwarded to `address`. Check every address that a name resolves to as well, on each
/// connect.
#[must_use]
pub fn is_refused(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
    }
}

fn check_health(faults: &mut Faults, check: &HealthCheck) {
    check_endpoint(faults, "/healthCheck/path", check.path.as_deref());
    check_time(faults, "/healthCheck/interval", check.interval);
    check_time(faults, "/healthCheck/timeout", Some(check.timeout));
    let fits = |count: u32| (1..=CHECKS_IN_A_ROW_MAX).contains(&count);
    faults.check(fits(check.healthy_after), "/healthCheck/healthyAfter", "must be 1 to 100");
    faults.check(fits(check.unhealthy_after), "/healthCheck/unhealthyAfter", "must be 1 to 100");
}

fn check_limit(faults: &mut Faults, limit: Option<ServiceLimit>) {
    let Some(ServiceLimit { window, max }) = limit else { return };
    check_time(faults, "/rateLimit/windowMs", Some(window));
    faults.check((1..=RATE_LIMIT_MAX).contains(&max), "/rateLimit/max", "must be 1 to 1000000");
}

fn check_time(faults: &mut Faults, pointer: &str, time: Option<Duration>) {
    let fits = time.is_none_or(|time| !time.is_zero() && time <= DAY);
    faults.check(fits, pointer, "must be 1 to 86400000 milliseconds, which is a day");
}

/// True when `path` is `base` or below it.
#[must_use]
pub fn is_below(path: &str, base: &str) -> bool {
    let base = base.strip_suffix('/').unwrap_or(base);
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path of the node's own that `base_path` would take away, or be shadowed by.
#[must_use]
pub fn taken(base_path: &str, serve: Serve) -> Option<&'static str> {
    let with_mcp: &[&str] = if serve.mcp() { &RESERVED_MCP_PATHS } else { &[] };
    let clash =
        |reserved: &&&str| is_below(reserved, base_path) || (**reserved != "/" && is_below(base_path, reserved));
    RESERVED_PATHS.iter().chain(with_mcp).find(clash).copied()
}

#[cfg(test)]
mod tests;
