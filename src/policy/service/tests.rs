//! Refused services, and the pointers of their faults.

use super::*;

fn sound() -> ServiceSpec {
    ServiceSpec { health_endpoint: Some("/health".into()), ..ServiceSpec::new("chat-service", "/api/chat") }
        .instance("localhost", 3007)
}

fn pointers(spec: &ServiceSpec) -> Vec<String> {
    faults(spec).0.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn what_people_register_is_taken() {
    assert_eq!(pointers(&sound()), [""; 0]);
    for host in ["10.0.0.7", "::1", "db-1.internal", "my_service", "a.b.c.", "xn--bcher-kva.example", "127.0.0.1"] {
        let spec = ServiceSpec { instances: vec![], ..sound() }.instance(host, 80);
        assert_eq!(pointers(&spec), [""; 0], "{host}");
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let spec = ServiceSpec {
        name: "a b".into(),
        instances: vec![
            InstanceSpec { host: "http://x".into(), port: 0, weight: 1001, draining: false },
            InstanceSpec { host: "a".into(), port: 1, weight: 1, draining: false },
            InstanceSpec { host: "a".into(), port: 1, weight: 2, draining: true },
        ],
        base_path: "chat".into(),
        health_endpoint: Some("health".into()),
        rate_limit: Some(ServiceLimit { window: Duration::ZERO, max: 0 }),
        timeout: Some(Duration::ZERO),
        retries: 11,
        keep_alive: Some(DAY * 2),
        max_connections: Some(0),
        health_check: HealthCheck {
            path: Some("/a b".into()),
            interval: Some(DAY * 2),
            timeout: Duration::ZERO,
            healthy_after: 0,
            unhealthy_after: 101,
        },
        ..sound()
    };
    let expected = [
        "/name",
        "/basePath",
        "/instances/0/host",
        "/instances/0/port",
        "/instances/0/weight",
        "/instances/2",
        "/healthEndpoint",
        "/healthCheck/path",
        "/healthCheck/interval",
        "/healthCheck/timeout",
        "/healthCheck/healthyAfter",
        "/healthCheck/unhealthyAfter",
        "/rateLimit/windowMs",
        "/rateLimit/max",
        "/timeout",
        "/keepAlive",
        "/retries",
        "/maxConnections",
    ];
    assert_eq!(pointers(&spec), expected);
}

#[test]
fn paths_that_could_be_read_in_two_ways_are_refused() {
    for path in
        ["", "a", "//a", "/a//b", "/a/../b", "/.", "/a/", "/a?b", "/a%2Fb", "/a b", "/a\n", "/ä", "/a#b", "/a\\b"]
            .into_iter()
            .chain(["/a/..;x/b", "/.;a"])
    {
        assert_eq!(pointers(&ServiceSpec { base_path: path.into(), ..sound() }), ["/basePath"], "{path:?}");
    }
}

#[test]
fn hosts_that_are_none_or_hide_an_address_are_refused() {
    for host in [
        "",
        "a b",
        "a:80",
        "[::1]",
        "http://a",
        "a/b",
        "a..b",
        "Upper",
        "user@a",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0x7f000001",
        "a.0x1",
        &"a".repeat(64),
    ] {
        let spec = ServiceSpec { instances: vec![], ..sound() }.instance(host, 80);
        assert_eq!(pointers(&spec), ["/instances/0/host"], "{host:?}");
    }
}

#[test]
fn addresses_that_serve_a_clouds_metadata_are_refused() {
    for host in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
        let spec = ServiceSpec { instances: vec![], ..sound() }.instance(host, 80);
        assert_eq!(pointers(&spec), ["/instances/0/host"], "{host:?}");
    }
}

#[test]
fn a_base_path_ends_at_a_segment() {
    for (path, base, below) in [
        ("/api/chat", "/api/chat", true),
        ("/api/chat/", "/api/chat", true),
        ("/api/chat/x", "/api/chat", true),
        ("/api/chats", "/api/chat", false),
        ("/api", "/api/chat", false),
        ("/anything", "/", true),
    ] {
        assert_eq!(is_below(path, base), below, "{path} {base}");
    }
}

#[test]
fn what_the_node_serves_itself_is_not_given_away() {
    for path in ["/", "/api", "/api/gateway", "/api/gateway/stats", "/api/mcp", "/api/mcp/x", "/mcp", "/docs", "/livez"]
    {
        assert!(taken(path, Serve::All).is_some(), "{path}");
    }
    for path in ["/api/chat", "/api/mcps", "/chat", "/docsy"] {
        assert_eq!(taken(path, Serve::All), None, "{path}");
    }
    assert_eq!(taken("/api/mcp", Serve::All), Some("/api/mcp"));
    assert_eq!(taken("/api/mcp", Serve::Gateway), None);
    assert!(taken("/api/gateway", Serve::Gateway).is_some());
}
