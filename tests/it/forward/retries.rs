//! A request is sent again only where that cannot do it twice, or may.

use std::{
    collections::HashSet,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use super::Front;
use crate::support::{
    eventually, json, millis,
    upstream::{Then, Upstream, ok},
    wait::{now, pass},
    wire::Wire,
};

/// Drops every request on a connection after the first, as one whose keep-alive ran out.
fn stale() -> Upstream {
    Upstream::start(|seen, wire| {
        wire.body_of(&seen.headers);
        if seen.turn > 1 {
            return Then::Close;
        }
        wire.send(ok("hello"));
        Then::Keep
    })
}

#[test]
fn a_connection_gone_stale_fails_no_safe_request() {
    let upstream = stale();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..10 {
        wire.get("/s/x").is(200);
    }
}

#[test]
fn a_post_is_never_sent_twice() {
    let upstream = stale();
    let front = Front::with(&[&upstream], json!({"retries": 5}));
    let mut wire = front.wire();
    for index in 0..10 {
        wire.get("/s/warm");
        let reply = wire.post(&format!("/s/{index}"), "body");
        assert!([200, 502].contains(&reply.status), "{reply:?}");
        let times = upstream.seen().iter().filter(|seen| seen.target == format!("/s/{index}")).count();
        assert_eq!(times, 1);
    }
}

#[test]
fn what_cannot_be_repeated_takes_no_connection_that_may_be_dying() {
    let upstream = stale();
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for method in ["POST", "PUT", "POST"] {
        wire.send(format!("{method} /s/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"));
        wire.reply().is(200);
        pass(millis(600));
    }
    wire.get("/s/x").is(200);
    let turns: Vec<_> = upstream.seen().iter().map(|seen| seen.turn).collect();
    assert_eq!(turns, [1, 1, 1, 2, 1], "only what can be repeated is sent on a connection that was idle");
}

#[test]
fn a_busy_connection_carries_one_post_after_the_other() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    eventually("one is used again", || {
        wire.post("/s/x", "body").is(200);
        (upstream.last().turn > 1).then_some(())
    });
}

#[test]
fn no_connection_is_kept_for_longer_than_the_service_and_the_instance_say() {
    let upstream = Upstream::start(|seen, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        wire.send(if seen.target == "/s/brief" { "Keep-Alive: max=9, timeout=0\r\n\r\n" } else { "\r\n" });
        Then::Keep
    });
    let front = Front::with(&[&upstream], json!({"keepAlive": 0}));
    let mut wire = front.wire();
    (0..3).for_each(|_| _ = wire.get("/s/x").is(200));
    assert_eq!(upstream.seen().iter().map(|seen| seen.turn).max(), Some(1));
    drop(front);
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    let turn = |wire: &mut Wire, path: &str| {
        wire.get(path).is(200);
        upstream.last().turn
    };
    assert_eq!([turn(&mut wire, "/s/brief"), turn(&mut wire, "/s/x"), turn(&mut wire, "/s/x")], [1, 1, 2]);
}

#[test]
fn a_body_that_follows_the_answer_to_head_hurts_no_other_request() {
    // It is on its way still when the next request is sent, as that of waitress.
    let spoiled = Mutex::new(HashSet::new());
    let upstream = Upstream::start(move |seen, wire| {
        wire.body_of(&seen.headers);
        if spoiled.lock().unwrap().contains(&seen.connection) {
            wire.send("<html>late</html>");
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n");
        if seen.raw.starts_with("HEAD") {
            spoiled.lock().unwrap().insert(seen.connection);
        } else {
            wire.send("<html>soon</html>");
        }
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..3 {
        wire.send("HEAD /s/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wire.reply_to("HEAD").is(200);
        assert_eq!(wire.post("/s/x", "body").is(200).text(), "<html>soon</html>");
        assert_eq!(wire.get("/s/x").is(200).text(), "<html>soon</html>");
    }
}

#[test]
fn what_can_be_repeated_is_where_a_used_connection_turns_out_to_be_spoiled() {
    let upstream = Upstream::start(|seen, wire| {
        wire.body_of(&seen.headers);
        wire.send(if seen.turn > 1 { "<html>late</html>".to_owned() } else { ok("soon") });
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..4 {
        assert_eq!(wire.get("/s/x").is(200).text(), "soon");
    }
    assert!(upstream.seen().iter().any(|seen| seen.turn > 1), "a used connection was tried");
}

#[test]
fn a_body_that_an_answer_must_not_have_hurts_no_other_request_though_it_comes_late() {
    // As late as the kernel of the reader acknowledges the head.
    let upstream = Upstream::start(|seen, wire| {
        wire.body_of(&seen.headers);
        if seen.raw.starts_with("POST") {
            wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
            return Then::Close;
        }
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
        pass(millis(40));
        wire.send("{}");
        Then::Keep
    });
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    for _ in 0..3 {
        wire.get("/s/x").is(204);
        let since = now();
        while since.elapsed() < millis(60) {
            assert_eq!(wire.post("/s/x", "body").is(200).text(), "hello");
        }
    }
}

#[test]
fn a_request_that_was_cut_is_sent_to_another_instance_where_that_is_safe() {
    let broken = Upstream::start(|_, _| Then::Reset);
    let good = Upstream::saying("hello");
    let front = Front::with(&[&broken, &good], json!({}));
    let mut wire = front.wire();
    for _ in 0..4 {
        wire.get("/s/x").is(200);
    }
    let (mut failed, before) = (0, good.seen().len());
    for _ in 0..2 {
        failed += usize::from(wire.post("/s/x", "body").status == 502);
    }
    assert_eq!(failed + good.seen().len() - before, 2);
}

#[test]
fn an_instance_that_cannot_be_reached_costs_no_request_of_any_method() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = Upstream::saying("hello");
    let instances = json!([{"host": "127.0.0.1", "port": nobody.port()}, {"host": "127.0.0.1", "port": good.port()}]);
    let front = Front::with(&[&good], json!({"instances": instances}));
    let mut wire = front.wire();
    for _ in 0..6 {
        wire.post("/s/x", "body").is(200);
    }
    assert_eq!(good.seen().len(), 6);
}

#[test]
fn no_more_instances_are_tried_than_the_service_says() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let cutting = || {
        let count = Arc::clone(&count);
        Upstream::start(move |_, _| {
            count.fetch_add(1, SeqCst);
            Then::Reset
        })
    };
    let upstreams: Vec<_> = (0..5).map(|_| cutting()).collect();
    let upstreams: Vec<_> = upstreams.iter().collect();
    let front = Front::with(&upstreams, json!({"retries": 1}));
    front.wire().get("/s/x").problem(502, "upstream_failed");
    assert_eq!(tries.load(SeqCst), 2);
}
