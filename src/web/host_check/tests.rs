//! Hosts and origins that are admitted, and others that are refused.

use actix_web::test::TestRequest;

use super::*;

fn guard() -> HostCheck {
    HostCheck::new(&HttpSettings {
        host: "192.0.2.10".parse().unwrap(),
        allowed_hosts: vec!["Ostler.Example".into()],
        allowed_origins: vec!["https://team.example/".into()],
        ..HttpSettings::default()
    })
}

fn admit(fields: &[(&str, &str)]) -> Result<Admission, u16> {
    let request = fields.iter().fold(TestRequest::get(), |request, field| request.append_header(*field));
    guard().admit(&request.to_srv_request()).map_err(|problem| problem.kind().status)
}

#[test]
fn loopback_the_bound_address_and_configured_names_are_ours() {
    for host in [
        "localhost:1",
        "localhost:",
        "LOCALHOST",
        "127.0.0.1:3010",
        "[::1]:3010",
        "127.9.9.9",
        "192.0.2.10:80",
        "ostler.example",
    ] {
        assert_eq!(admit(&[("host", host)]), Ok(Admission::SameOrigin), "{host}");
    }
}

#[test]
fn a_rebound_name_is_refused() {
    for host in ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "192.0.2.11", "x.ostler.example"] {
        assert_eq!(admit(&[("host", host)]), Err(421), "{host}");
    }
}

#[test]
fn probes_and_scrapers_may_ask_by_any_host() {
    let ask = |path: &str, host: &str| {
        let request = TestRequest::with_uri(path).append_header(("host", host)).to_srv_request();
        guard().admit(&request).map_err(|problem| problem.kind().status)
    };
    for path in ["/livez", "/readyz?verbose", "/health", "/metrics"] {
        assert_eq!(ask(path, "10.1.2.3:3871"), Ok(Admission::SameOrigin), "{path}");
        assert_eq!(ask(path, "10.1.2.3, 10.1.2.4"), Err(400), "{path}");
    }
    for path in ["/", "/api/mcp", "/livez/", "/api/metrics"] {
        assert_eq!(ask(path, "10.1.2.3:3871"), Err(421), "{path}");
    }
}

#[test]
fn a_malformed_host_is_refused() {
    for host in
        ["", "a b", "a,b", "a@localhost", "localhost:x", "localhost:99999", "[::1", "::1", "localhost/", "[localhost]"]
    {
        assert_eq!(admit(&[("host", host)]), Err(400), "{host}");
    }
    assert_eq!(admit(&[("host", "localhost"), ("host", "localhost")]), Err(400));
    assert_eq!(admit(&[]), Err(400));
}

#[test]
fn pages_of_other_origins_may_not_call_unless_allowed() {
    let from = |origin| admit(&[("host", "localhost:3010"), ("origin", origin)]);
    assert_eq!(from("http://localhost:3010"), Ok(Admission::SameOrigin));
    assert_eq!(
        from("https://team.example"),
        Ok(Admission::CrossOrigin(HeaderValue::from_static("https://team.example")))
    );
    for origin in
        ["http://evil.test", "null", "http://localhost", "https://team.example.evil.test", "https://xteam.example"]
    {
        assert_eq!(from(origin), Err(403), "{origin}");
    }
}

#[test]
fn names_and_origins_in_the_lists_may_be_written_with_their_last_dot_and_their_schemes_own_port() {
    let guard = HostCheck::new(&HttpSettings {
        allowed_hosts: vec!["ostler.example.".into()],
        allowed_origins: vec![
            "https://Team.example:443".into(),
            "http://[::1]:80/".into(),
            "http://a.example:443".into(),
        ],
        ..HttpSettings::default()
    });
    let guard = guard.with_public_url(Some("https://public.example.:443/"));
    for host in ["ostler.example", "OSTLER.EXAMPLE.:443", "public.example:8443", "public.example."] {
        assert!(guard.check_host(host).is_ok(), "{host}");
    }
    for origin in ["https://team.example", "http://[::1]", "http://a.example:443", "https://public.example."] {
        assert!(guard.check_origin(origin).is_ok(), "{origin}");
    }
    for origin in ["http://team.example", "https://team.example:80", "http://a.example", "https://a.example"] {
        assert!(guard.check_origin(origin).is_err(), "{origin}");
    }
}

#[test]
fn a_browser_that_asks_first_gets_an_answer() {
    let request = TestRequest::default()
        .method(Method::OPTIONS)
        .append_header(("host", "localhost"))
        .append_header(("origin", "https://team.example"))
        .append_header(("access-control-request-method", "POST"))
        .append_header(("access-control-request-headers", "authorization, Mcp-Param-Region,x-strange"))
        .to_srv_request();
    let answer = guard().admit(&request).unwrap().answer(request.headers()).unwrap();
    assert_eq!(answer.status(), 204);
    let allowed = answer.headers().get("access-control-allow-headers").unwrap().to_str().unwrap();
    assert!(allowed.contains("Mcp-Session-Id") && allowed.contains("mcp-param-region"), "{allowed}");
    assert!(!allowed.contains("x-strange"), "{allowed}");
}

#[test]
fn one_that_listens_everywhere_may_be_called_by_any_address_but_not_by_any_name() {
    let guard = HostCheck::new(&HttpSettings { host: "0.0.0.0".parse().unwrap(), ..HttpSettings::default() });
    assert!(guard.is_ours("203.0.113.5"));
    assert!(!guard.is_ours("evil.test"));
}

#[test]
fn only_our_own_page_may_use_the_cookie_to_change_something() {
    let from = |fields: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        guard().is_from_our_page(None, &headers)
    };
    assert!(from(&[("sec-fetch-site", "same-origin")]));
    assert!(from(&[("origin", "http://localhost:3010"), ("host", "localhost:3010")]));
    assert!(!from(&[("sec-fetch-site", "same-site"), ("origin", "http://localhost"), ("host", "localhost")]));
    assert!(!from(&[("origin", "http://localhost:9"), ("host", "localhost:3010")]));
    assert!(!from(&[("host", "localhost:3010")]));
}
