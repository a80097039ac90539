//! Answers arrive as they were meant, however the instance framed them.

use super::Front;
use crate::support::{
    seconds,
    upstream::{Then, Upstream, ok},
    wire::End,
};

/// An upstream that answers each path with one of these, and closes where that is what ends it.
fn scripted() -> Upstream {
    Upstream::start(|seen, wire| {
        let (answer, then): (&str, Then) = match seen.target.trim_start_matches("/s/") {
            "close" => ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil-close", Then::Close),
            "old" => ("HTTP/1.0 200 OK\r\n\r\nold-style", Then::Close),
            "304" => ("HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: \"a\"\r\n\r\n", Then::Keep),
            "204" => ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Then::Keep),
            "trailers" => (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
                Then::Keep,
            ),
            "hints" => (
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhints",
                Then::Keep,
            ),
            "short" => ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", Then::Close),
            "cut" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Then::Close),
            "away" => ("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", Then::Keep),
            "head" => ("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", Then::Keep),
            _ => ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain", Then::Keep),
        };
        wire.send(answer);
        then
    })
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    assert_eq!(wire.get("/s/close").is(200).text(), "until-close");
    assert_eq!(wire.get("/s/old").is(200).text(), "old-style");
    assert_eq!(wire.get("/s/plain").is(200).text(), "plain");
}

#[test]
fn a_client_of_http_1_0_gets_an_answer_it_can_read() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("GET /s/trailers HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let reply = wire.reply();
    assert_eq!((reply.status, reply.text().as_str(), reply.end), (200, "hello", End::Closed));
    assert_eq!(reply.header("transfer-encoding"), None);
}

#[test]
fn answers_without_a_body_have_none_whatever_their_length_says() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for (path, status) in [("/s/304", 304), ("/s/204", 204), ("/s/304", 304)] {
        assert_eq!(wire.get(path).is(status).text(), "");
        assert_eq!(wire.get("/s/plain").is(200).text(), "plain");
    }
    wire.send("HEAD /s/head HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(wire.reply_to("HEAD").is(200).header("content-length"), Some("1234"));
    assert_eq!(wire.get("/s/plain").is(200).text(), "plain");
}

#[test]
fn interim_answers_are_never_taken_for_the_answer() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..3 {
        let reply = wire.get("/s/hints").is(200);
        assert_eq!((reply.text().as_str(), reply.interim), ("hints", vec![103]));
        assert_eq!(wire.get("/s/plain").is(200).text(), "plain");
    }
}

#[test]
fn trailers_reach_the_client() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let reply = front.wire().get("/s/trailers").is(200);
    assert_eq!(reply.trailers, [("x-t".to_owned(), "1".to_owned())]);
}

#[test]
fn a_truncated_answer_is_never_shown_as_whole() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    for path in ["/s/short", "/s/cut"] {
        let reply = front.wire().get(path);
        assert_eq!((reply.status, reply.end), (200, End::Broken), "{path}: {reply:?}");
    }
}

#[test]
fn a_client_of_http_1_0_sees_that_an_answer_broke_off() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("GET /s/cut HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    let end = std::io::Read::read_to_end(&mut wire.stream, &mut answer);
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn redirects_are_the_clients_to_follow() {
    let upstream = scripted();
    let front = Front::of(&upstream);
    assert_eq!(front.wire().get("/s/away").is(302).header("location"), Some("/elsewhere"));
    assert_eq!(upstream.seen().len(), 1);
}

#[test]
fn many_requests_use_one_connection_to_the_instance() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..50 {
        wire.get("/s/x").is(200);
    }
    let seen = upstream.seen();
    assert_eq!((seen.len(), seen[49].turn, seen[49].connection), (50, 50, seen[0].connection));
}

#[test]
fn a_large_answer_arrives_whole_through_a_slow_reader() {
    let upstream = Upstream::start(|_, wire| {
        wire.send(ok(&"0123456789abcdef".repeat(1 << 18)));
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.stream.set_read_timeout(Some(seconds(20))).unwrap();
    let reply = wire.get("/s/large").is(200);
    assert_eq!(reply.body.len(), 4 << 20);
    assert!(reply.body.chunks(16).all(|chunk| chunk == b"0123456789abcdef"));
}
