//! Endless answers pass at once, never pile up, and end when nobody wants them.

use super::Front;
use crate::support::{
    eventually, processes, seconds,
    upstream::{Then, Upstream, flood, is_closed_within},
};

#[test]
fn events_pass_one_by_one_as_they_come() {
    let upstream = Upstream::start(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..10 {
            wire.send("a\r\ndata: abc\n\r\n");
            // The next one is sent only once this one was seen.
            if wire.head().is_none() {
                return Then::Close;
            }
        }
        wire.send("0\r\n\r\n");
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n");
    assert!(wire.head().unwrap().starts_with("HTTP/1.1 200 "));
    for _ in 0..10 {
        assert_eq!(wire.chunk().unwrap(), b"data: abc\n");
        wire.send("\r\n\r\n");
    }
    assert_eq!(wire.chunk().unwrap(), b"");
}

#[test]
fn a_client_that_goes_away_ends_its_request_at_once() {
    let (sender, closed) = std::sync::mpsc::channel();
    let upstream = Upstream::start(move |seen, wire| {
        if seen.target.ends_with("events") {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        sender.send(is_closed_within(wire, seconds(3))).unwrap();
        Then::Close
    });
    let front = Front::of(&upstream);
    for path in ["/s/slow", "/s/events"] {
        let mut wire = front.wire();
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        eventually("it arrives", || upstream.seen().iter().any(|seen| seen.target == path).then_some(()));
        drop(wire);
        assert!(closed.recv().unwrap(), "{path} lives on");
    }
}

#[test]
fn a_flood_that_nobody_reads_is_not_kept_in_memory() {
    let (sender, sent) = std::sync::mpsc::channel();
    let upstream = Upstream::start(move |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let piece = format!("10000\r\n{}\r\n", "f".repeat(1 << 16));
        sender.send(flood(wire, piece.as_bytes(), 1 << 30)).unwrap();
        Then::Close
    });
    let front = Front::of(&upstream);
    front.wire().get("/livez").is(200);
    let before = processes::resident_kib(front.ostler.pid());
    let mut wire = front.wire();
    wire.send("GET /s/flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let sent = sent.recv().unwrap();
    let grown = processes::resident_kib(front.ostler.pid()).saturating_sub(before);
    assert!(sent < 64 << 20, "{sent} bytes were taken from the instance");
    assert!(grown < 8 << 10, "memory grew by {grown} KiB");
}
