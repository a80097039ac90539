//! Fields: what ends at the proxy ends there, and what an instance is told of its caller can be believed.

use super::Front;
use crate::support::{
    Ostler, json,
    upstream::{Then, Upstream},
};

#[test]
fn fields_of_one_connection_end_with_it_both_ways() {
    let upstream = Upstream::start(|_, wire| {
        wire.send(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x-priv\r\nX-Priv: 1\r\nKeep-Alive: timeout=5\r\n\
             Proxy-Authenticate: Basic\r\nX-Kept: 1\r\n\r\n",
        );
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(
        "GET /s/x HTTP/1.1\r\nHost: localhost\r\nConnection: x-secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n\
         TE: gzip\r\nProxy-Authorization: Basic x\r\nProxy-Connection: close\r\nX-Kept: 1\r\n\r\n",
    );
    let reply = wire.reply().is(200);
    for gone in ["x-priv", "keep-alive", "proxy-authenticate", "connection"] {
        assert_eq!(reply.header(gone), None, "{reply:?}");
    }
    let seen = upstream.last();
    for gone in ["x-secret", "keep-alive", "te", "proxy-authorization", "proxy-connection", "connection"] {
        assert_eq!(seen.header(gone), None, "{seen:?}");
    }
    assert_eq!((reply.header("x-kept"), seen.header("x-kept")), (Some("1"), Some("1")));
}

#[test]
fn an_instance_learns_who_asked_and_nobody_can_pretend() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(
        "GET /s/x HTTP/1.1\r\nHost: localhost:99\r\nConnection: close, X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n\
         Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Ostler-User: root\r\nX_Ostler_User: root\r\n\
         X-Request-Id: mine-42\r\n\r\n",
    );
    let reply = wire.reply().is(200);
    let seen = upstream.last();
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"], "{seen:?}");
    assert_eq!(seen.all("forwarded"), ["for=127.0.0.1;host=\"localhost:99\";proto=http"]);
    assert_eq!(
        (seen.header("x-forwarded-proto"), seen.header("x-forwarded-host")),
        (Some("http"), Some("localhost:99"))
    );
    assert_eq!(seen.header("host"), Some("localhost:99"));
    assert!(seen.header("via").unwrap().starts_with("1.1 ostler-"), "{seen:?}");
    assert_eq!((seen.header("x-request-id"), reply.header("x-request-id")), (Some("mine-42"), Some("mine-42")));
    assert_eq!(seen.header("traceparent").unwrap().len(), 55);
    assert!(!seen.raw.contains("6.6.6.6") && !seen.raw.contains("root"), "{}", seen.raw);
}

#[test]
fn a_proxy_of_ours_is_believed() {
    let upstream = Upstream::saying("hello");
    let ostler = Ostler::with(&[("OSTLER_TRUSTED_PROXIES", "127.0.0.1")]);
    let front = Front::on(ostler, &[&upstream], json!({}));
    let mut wire = front.wire();
    wire.send("GET /s/x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n");
    wire.reply().is(200);
    let seen = upstream.last();
    assert_eq!(seen.all("x-forwarded-for"), ["192.0.2.7, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.all("forwarded"), ["for=192.0.2.7;host=\"localhost\";proto=https, for=127.0.0.1"]);
    // A proxy that writes the older fields passes on the newer one as its client made it up.
    wire.send(
        "GET /s/x HTTP/1.1\r\nHost: localhost\r\nForwarded: for=6.6.6.6;proto=http\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Host: ostler.example\r\n\r\n",
    );
    wire.reply().is(200);
    let seen = upstream.last();
    assert_eq!(seen.all("forwarded"), ["for=192.0.2.7;host=\"ostler.example\";proto=https, for=127.0.0.1"]);
    wire.send("GET /s/x HTTP/1.1\r\nHost: localhost\r\nForwarded: for=192.0.2.7;proto=https\r\n\r\n");
    wire.reply().is(200);
    let seen = upstream.last();
    assert_eq!(
        (seen.header("x-forwarded-proto"), seen.all("x-forwarded-for")),
        (Some("https"), vec!["192.0.2.7, 127.0.0.1"])
    );
}

#[test]
fn credentials_stay_here_unless_the_service_says_otherwise() {
    let ask = "GET /s/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer theirs\r\nCookie: a=b; ostler_session=s; ostler_session_0f=s\r\n\r\n";
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(ask);
    wire.reply().is(200);
    let seen = upstream.last();
    assert_eq!((seen.header("authorization"), seen.header("cookie")), (None, Some("a=b")), "{seen:?}");
    let front = Front::with(&[&upstream], json!({"passCredentials": true}));
    let mut wire = front.wire();
    wire.send(ask);
    wire.reply().is(200);
    assert_eq!(upstream.last().header("authorization"), Some("Bearer theirs"));
}

#[test]
fn the_base_path_is_stripped_where_the_service_says_so() {
    let upstream = Upstream::saying("hello");
    let front = Front::with(&[&upstream], json!({"stripPrefix": true}));
    let mut wire = front.wire();
    for (asked, got) in [("/s/a/b?c=d", "/a/b?c=d"), ("/s", "/"), ("/s?x", "/?x")] {
        wire.get(asked).is(200);
        assert_eq!(upstream.last().target, got);
    }
}

#[test]
fn a_request_that_comes_round_again_is_stopped() {
    let ostler = Ostler::spawn();
    let port = ostler.address.port();
    let instances = json!([{"host": "127.0.0.1", "port": port}]);
    let service = json!({"name": "s", "basePath": "/s", "instances": instances, "authentication": false});
    ostler.admin().post("/api/gateway/services", service).is(201);
    let front = Front { ostler };
    front.wire().get("/s/x").problem(508, "loop_detected");
}

#[test]
fn hosts_that_are_not_ours_are_not_forwarded_for() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("GET /s/x HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    wire.reply().problem(421, "misdirected_request");
    assert!(upstream.seen().is_empty());
}

#[test]
fn a_prefix_that_was_cut_off_is_named_to_the_instance_and_put_back_in_its_answer() {
    let upstream = Upstream::start(|seen, wire| {
        let to = if seen.target == "/other" { "/other/login" } else { "/login" };
        wire.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Location: http://localhost/a\r\nContent-Length: 0\r\n\
             Set-Cookie: a=1; Path=/shop; Secure\r\nSet-Cookie: b=2; Path=/\r\n\r\n"
        ));
        Then::Keep
    });
    let front = Front::with(&[&upstream], json!({"stripPrefix": true}));
    let other = json!({"name": "other", "basePath": "/other", "instances": [{"host": "127.0.0.1", "port": 1}]});
    front.ostler.admin().post("/api/gateway/services", other).is(201);
    let mut wire = front.wire();
    wire.send("GET /s/x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Prefix: /mine\r\n\r\n");
    let reply = wire.reply().is(302);
    assert_eq!((upstream.last().target.as_str(), upstream.last().all("x-forwarded-prefix")), ("/x", vec!["/s"]));
    assert_eq!(reply.header("location"), Some("/s/login"));
    assert_eq!(reply.header("content-location"), Some("http://localhost/s/a"));
    let cookies = reply.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
    assert_eq!(cookies.collect::<Vec<_>>(), ["a=1; Path=/s/shop; Secure", "b=2; Path=/"]);
    assert_eq!(wire.get("/s/other").is(302).header("location"), Some("/other/login"));
}
