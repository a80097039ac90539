//! Request bodies stream to the instance, in whatever pieces they come, while its answer streams back.

use std::{sync::mpsc, thread};

use super::Front;
use crate::support::{
    eventually, json, millis,
    upstream::{Then, Upstream, ok},
};

#[test]
fn an_upload_streams_from_its_first_byte() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345");
    eventually("the instance has the head", || (!upstream.seen().is_empty()).then_some(()));
    wire.send("67890");
    wire.reply().is(200);
}

#[test]
fn request_trailers_reach_the_instance() {
    let (sender, receiver) = mpsc::channel();
    let upstream = Upstream::start(move |seen, wire| {
        sender.send(wire.body_of(&seen.headers)).unwrap();
        wire.send(ok("hello"));
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(
        "POST /s/x HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 7\r\nX-Ostler-User: root\r\n\r\n",
    );
    wire.reply().is(200);
    let (body, trailers) = receiver.recv().unwrap();
    assert_eq!((body.as_slice(), trailers), (&b"hello"[..], vec![("x-sum".to_owned(), "7".to_owned())]));
    assert_eq!(upstream.last().header("te"), Some("trailers"));
}

#[test]
fn both_directions_flow_at_the_same_time() {
    let upstream = Upstream::start(|_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while let Some(chunk) = wire.chunk().filter(|chunk| !chunk.is_empty()) {
            wire.send(format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8(chunk).unwrap()));
        }
        wire.until(b"\r\n");
        wire.send("0\r\n\r\n");
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    let head = wire.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(wire.chunk().unwrap(), b"a");
    for letter in ["b", "c", "d"] {
        wire.send(format!("1\r\n{letter}\r\n"));
        assert_eq!(wire.chunk().unwrap(), letter.as_bytes());
    }
    wire.send("0\r\n\r\n");
    assert_eq!(wire.chunk().unwrap(), b"");
}

#[test]
fn twenty_megabytes_both_ways_at_once_arrive() {
    const LENGTH: usize = 20 << 20;
    let upstream = Upstream::start(|_, wire| {
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n"));
        for _ in 0..LENGTH / (64 << 10) {
            let Some(piece) = wire.exact(64 << 10) else { return Then::Close };
            wire.send(piece);
        }
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(format!("POST /s/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LENGTH}\r\n\r\n"));
    let mut writer = wire.stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        let piece = vec![b'd'; 1 << 20];
        (0..20).for_each(|_| std::io::Write::write_all(&mut writer, &piece).unwrap());
    });
    assert_eq!(wire.reply().is(200).body.len(), LENGTH);
    writing.join().unwrap();
}

#[test]
fn an_early_refusal_of_a_large_upload_arrives_whole() {
    let upstream = Upstream::start(|_, wire| {
        wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        thread::park_timeout(millis(200));
        Then::Close
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n");
    let mut writer = wire.stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        let piece = vec![b'u'; 62_500];
        let _ = (0..800).try_for_each(|_| std::io::Write::write_all(&mut writer, &piece));
    });
    assert_eq!(wire.reply().is(413).text(), "big");
    drop(wire);
    writing.join().unwrap();
}

#[test]
fn a_body_over_the_services_limit_is_refused() {
    let upstream = Upstream::saying("hello");
    let front = Front::with(&[&upstream], json!({"maxBodyBytes": 10}));
    front.wire().post("/s/x", "0123456789").is(200);
    let before = upstream.seen().len();
    front.wire().post("/s/x", "0123456789a").problem(413, "payload_too_large");
    assert_eq!(upstream.seen().len(), before);
    let mut wire = front.wire();
    wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n");
    wire.send("8\r\n01234567\r\n0\r\n\r\n");
    wire.reply().problem(413, "payload_too_large");
}

#[test]
fn a_client_that_waits_for_100_gets_the_instances_or_ours() {
    for says in [true, false] {
        let upstream = Upstream::start(move |seen, wire| {
            assert_eq!(seen.header("expect"), Some("100-continue"));
            if says {
                wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            wire.body_of(&seen.headers);
            wire.send(ok("hello"));
            Then::Keep
        });
        let front = Front::of(&upstream);
        let mut wire = front.wire();
        wire.send("POST /s/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        let head = wire.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
        wire.send("12345");
        assert_eq!(wire.reply().is(200).interim, Vec::<u16>::new());
    }
}

#[test]
fn a_malformed_body_never_reaches_an_instance_as_another_request() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send(
        "POST /s/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nGET /s/evil HTTP/1.1\r\n\r\n",
    );
    wire.reply().problem(400, "malformed_request");
    assert!(upstream.seen().iter().all(|seen| !seen.target.contains("evil")));
}
