//! Upstreams that misbehave: the right status in time, and nothing of it touches the next request.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::Front;
use crate::support::{
    json, millis, processes, seconds, timed,
    upstream::{Then, Upstream},
    wire::End,
};

/// An upstream that misbehaves on `/s/bad` in its own way, and is good on every other path.
fn bad(how: impl Fn(&mut crate::support::wire::Wire) -> Then + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |seen, wire| {
        if seen.target == "/s/bad" {
            return how(wire);
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
        Then::Keep
    })
}

/// Claims 502 soon, and that the request after it is answered on another connection.
#[track_caller]
fn is_502(upstream: &Upstream) {
    let front = Front::of(upstream);
    let mut wire = front.wire();
    let (time, reply) = timed(|| wire.get("/s/bad"));
    let reply = reply.problem(502, "upstream_failed");
    assert!(time < seconds(2), "{time:?}");
    assert!(reply.text().contains("repeat") || reply.text().contains("try"), "{reply:?}");
    let connection = upstream.last().connection;
    assert_eq!(wire.get("/s/x").is(200).text(), "good");
    assert_ne!(upstream.last().connection, connection);
}

#[test]
fn an_instance_that_closes_without_an_answer_is_a_502() {
    is_502(&bad(|_| Then::Close));
}

#[test]
fn an_instance_that_resets_is_a_502() {
    is_502(&bad(|_| Then::Reset));
}

#[test]
fn an_instance_that_closes_in_the_head_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-");
        Then::Close
    }));
}

#[test]
fn garbage_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("\x16\x03\x01 not http at all\r\n\r\n");
        Then::Close
    }));
}

#[test]
fn an_answer_with_two_lengths_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello");
        Then::Keep
    }));
}

#[test]
fn an_answer_with_a_length_and_chunks_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        Then::Keep
    }));
}

#[test]
fn a_switch_of_protocols_nobody_asked_for_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n");
        Then::Keep
    }));
}

#[test]
fn a_flood_of_interim_answers_is_a_502() {
    is_502(&bad(|wire| {
        wire.send("HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000));
        Then::Keep
    }));
}

#[test]
fn a_head_without_end_is_a_502_and_takes_no_memory() {
    let upstream = bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\n");
        wire.send("X-Long: abcdefghijklmnopqrstuvwxyz\r\n".repeat(100_000));
        Then::Close
    });
    is_502(&upstream);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_at_the_deadline() {
    let upstream = bad(|wire| {
        for byte in "HTTP/1.1 200 OK\r\nX-Slow: ".bytes().chain(std::iter::repeat_n(b'x', 100)) {
            wire.send([byte]);
            std::thread::park_timeout(millis(50));
        }
        Then::Close
    });
    let front = Front::with(&[&upstream], json!({"timeout": 500}));
    let mut wire = front.wire();
    let (time, reply) = timed(|| wire.get("/s/bad"));
    reply.problem(504, "upstream_timeout");
    assert!((millis(450)..seconds(2)).contains(&time), "{time:?}");
    wire.get("/s/x").is(200);
}

#[test]
fn silence_is_a_504_at_the_deadline_and_the_request_is_cancelled() {
    let upstream = bad(|wire| {
        assert!(wire.is_over());
        Then::Close
    });
    let front = Front::with(&[&upstream], json!({"timeout": 300}));
    let (time, reply) = timed(|| front.wire().get("/s/bad"));
    let reply = reply.problem(504, "upstream_timeout");
    assert!(reply.text().contains("repeat"), "{reply:?}");
    assert!((millis(250)..seconds(2)).contains(&time), "{time:?}");
    assert_eq!(upstream.seen().len(), 1);
}

#[test]
fn an_answer_that_stops_half_way_is_cut_at_the_deadline() {
    let upstream = bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        assert!(wire.is_over());
        Then::Close
    });
    let front = Front::with(&[&upstream], json!({"timeout": 300}));
    let (time, reply) = timed(|| front.wire().get("/s/bad"));
    assert_eq!((reply.status, reply.end), (200, End::Broken));
    assert!(time < seconds(2), "{time:?}");
}

#[test]
fn what_follows_an_answer_is_nobodys_answer() {
    let upstream = bad(|wire| {
        let answer = |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        wire.send(format!("{}{}", answer("first"), answer("POISON")));
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..20 {
        assert_eq!(wire.get("/s/bad").is(200).text(), "first");
        assert_eq!(wire.get("/s/x").is(200).text(), "good");
    }
}

#[test]
fn an_endless_body_takes_no_memory() {
    let upstream = bad(|wire| {
        wire.send("HTTP/1.1 200 OK\r\n\r\n");
        crate::support::upstream::flood(wire, &[b'x'; 1 << 16], 128 << 20);
        Then::Close
    });
    let front = Front::of(&upstream);
    front.wire().get("/livez").is(200);
    let before = processes::resident_kib(front.ostler.pid());
    let mut wire = front.wire();
    wire.send("GET /s/bad HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(wire.head().unwrap().contains("chunked"));
    let mut taken = 0;
    while let Some(chunk) = wire.chunk().filter(|chunk| !chunk.is_empty()) {
        taken += chunk.len();
    }
    let grown = processes::resident_kib(front.ostler.pid()).saturating_sub(before);
    assert!(taken >= 128 << 20 && grown < 8 << 10, "{taken} bytes, and memory grew by {grown} KiB");
}

#[test]
fn an_instance_that_accepts_and_says_nothing_does_not_hold_others_up() {
    let upstream = bad(|wire| {
        assert!(wire.is_over());
        Then::Close
    });
    let front = Front::with(&[&upstream], json!({"timeout": 2_000}));
    let mut held: Vec<_> = (0..50).map(|_| front.wire()).collect();
    held.iter_mut().for_each(|wire| wire.send("GET /s/bad HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    let (time, _) = timed(|| front.wire().get("/s/x").is(200));
    assert!(time < Duration::from_millis(500), "{time:?}");
}

#[test]
fn a_shortage_of_descriptors_is_named_and_held_against_no_instance() {
    let upstream = bad(|_| Then::Close);
    let front = Front::with(&[&upstream], json!({"healthCheck": {"interval": 3_600_000, "unhealthyAfter": 1}}));
    let admin = front.ostler.admin();
    admin.press("/api/gateway/health/s/check").is(200).has("/status", "healthy");
    let token = admin.token.clone().unwrap();
    let mut wire = front.wire();
    let pid = Pid::from_raw(i32::try_from(front.ostler.pid()).unwrap());
    let descriptors =
        |current| prlimit(pid, Resource::Nofile, Rlimit { current: Some(current), maximum: Some(4_096) }).unwrap();
    wire.get("/livez").is(200);
    let _ = descriptors(0);
    for _ in 0..10 {
        let reply = wire.get("/s/x").problem(503, "busy");
        assert!(reply.text().contains("EMFILE") && reply.header("retry-after").is_some(), "{reply:?}");
    }
    wire.send(format!(
        "POST /api/gateway/health/s/check HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 0\r\n\r\n"
    ));
    let health = wire.reply().is(200).text();
    let _ = descriptors(4_096);
    assert!(health.contains("\"status\":\"healthy\"") && health.contains("\"ejections\":0"), "{health}");
    assert!(!health.contains("EMFILE"), "{health}");
    wire.get("/s/x").is(200);
}
