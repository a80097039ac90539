//! Hostile and broken clients: slow ones, silent ones, greedy ones, and more of them than there is room for.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{
    self,
    http::Exchange,
    processes::{descriptors, peak_kib, resident_kib},
    wait::now,
    *,
};

const GOOD: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Exchange {
    let mut exchange = Exchange::connect(address);
    exchange.write(bytes.as_ref()).unwrap();
    exchange
}

#[test]
fn a_slow_head_is_cut_after_five_seconds_on_any_request_of_a_connection() {
    let ostler = Ostler::spawn();
    let (address, begun) = (ostler.address, b"GET /livez HTTP/1.1\r\nHost: local");
    together(2, |earlier| {
        let mut exchange = Exchange::connect(address);
        for _ in 0..earlier {
            exchange.write(GOOD).unwrap();
            exchange.next("a request before").unwrap().is(200);
        }
        exchange.write(begun).unwrap();
        let (took, answer) = timed(|| exchange.next("half a head").unwrap());
        answer.problem(408, "request_timeout");
        assert!(took > seconds(4) && took < seconds(8), "it took {took:?}");
        assert!(exchange.rest().is_empty());
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed_after_fifteen_seconds() {
    let ostler = Ostler::spawn();
    let address = ostler.address;
    together(2, |earlier| {
        let mut exchange = Exchange::connect(address);
        for _ in 0..earlier {
            exchange.write(GOOD).unwrap();
            exchange.next("a request before").unwrap().is(200);
        }
        let (took, rest) = timed(|| exchange.rest());
        assert!(rest.is_empty() && took > seconds(14) && took < seconds(20), "it took {took:?}: {rest:?}");
    });
}

#[test]
fn a_body_that_stops_and_a_reader_that_does_not_read_are_cut_after_thirty_seconds() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let address = ostler.address;
    let begun = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: 100\r\n\r\n{\"email\":";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut exchange = send(address, begun);
            let (took, answer) = timed(|| exchange.next("half a body").unwrap());
            answer.problem(408, "request_timeout");
            assert!(took > seconds(29) && took < seconds(34), "it took {took:?}");
            assert!(exchange.rest().is_empty());
        });
        scope.spawn(|| {
            let body = json!({"toolName": "big", "parameters": {"bytes": 15_000_000}});
            let mut exchange = server.caller.ask("POST", &server.path("/execute")).json(&body).open().unwrap();
            assert_eq!(exchange.head().unwrap().0, 200);
            // On a machine with too much to do, half a minute is served in more than that.
            support::wait::pass(seconds(45));
            let read = exchange.rest().len();
            assert!(read < 15_000_000, "all {read} bytes came after half a minute of silence");
        });
    });
}

#[test]
fn a_head_that_is_refused_is_told_why_as_a_problem() {
    let ostler = Ostler::spawn();
    let long = "x".repeat(9000);
    let field = format!("X: {}\r\n", "x".repeat(33_000));
    for (line, field, status, code) in [
        ("GET / HTTP/1.1", "Host: localhost\r\n", 400, "malformed_request"),
        ("GET /../etc HTTP/1.1", "", 400, "malformed_request"),
        ("TRACE / HTTP/1.1", "", 405, "method_not_allowed"),
        ("CONNECT a:80 HTTP/1.1", "", 405, "method_not_allowed"),
        (&*format!("GET /{long} HTTP/1.1"), "", 414, "uri_too_long"),
        ("GET / HTTP/1.1", "Expect: miracles\r\n", 417, "expectation_failed"),
        ("GET / HTTP/1.1", &field, 431, "head_too_large"),
        ("GET / HTTP/1.1", "Transfer-Encoding: gzip\r\n", 501, "not_implemented"),
        ("GET / HTTP/2.0", "", 505, "version_not_supported"),
    ] {
        let mut exchange = send(ostler.address, format!("{line}\r\nHost: localhost\r\n{field}\r\n"));
        let (took, answer) = timed(|| exchange.next(line).unwrap());
        let answer = answer.problem(status, code);
        assert!(answer.header("x-request-id").is_some() && took < seconds(1), "{took:?}: {answer:?}");
        assert!(exchange.rest().is_empty());
    }
}

#[test]
fn a_client_is_told_to_go_on_only_where_somebody_reads_the_body() {
    let ostler = Ostler::spawn();
    let body = json!({"email": "admin@localhost", "password": support::setup::ADMIN_PASSWORD}).to_string();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            body.len()
        )
    };
    let mut exchange = send(ostler.address, head("/api/auth/login"));
    assert_eq!(exchange.interim().unwrap(), 100);
    exchange.write(body.as_bytes()).unwrap();
    exchange.next("a login").unwrap().is(200);
    exchange.write(GOOD).unwrap();
    exchange.next("another request").unwrap().is(200);

    let mut refused = send(ostler.address, head("/livez"));
    let text = String::from_utf8(refused.rest()).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("connection: close"), "{text}");
}

#[test]
fn a_thousand_requests_in_one_go_are_answered_in_order() {
    let ostler = Ostler::spawn();
    let request = |number: usize| format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {number}\r\n\r\n");
    let mut exchange = send(ostler.address, (0..1000).map(request).collect::<String>());
    for number in 0..1000 {
        let answer = exchange.next("one of a thousand").unwrap().is(200);
        assert_eq!(answer.header("x-request-id"), Some(&*number.to_string()));
    }
}

#[test]
fn a_stop_ends_idle_connections_and_lets_busy_ones_finish() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let mut idle = send(ostler.address, GOOD);
    idle.next("a request").unwrap().is(200);
    let mut busy = Exchange::connect(ostler.address);
    let body = json!({"toolName": "echo", "parameters": {"message": "x", "ms": 1000}}).to_string();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        server.path("/execute"),
        server.caller.token.as_ref().unwrap(),
        body.len()
    );
    busy.write(head.as_bytes()).unwrap();
    eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
    let (took, status) = timed(|| ostler.terminate());
    assert_eq!(status.code(), Some(0));
    assert!(took < seconds(10), "it took {took:?}");
    busy.next("the call").unwrap().is(200);
    assert!(idle.rest().is_empty() && busy.rest().is_empty());
}

#[test]
fn where_there_is_no_room_idle_connections_go_first_and_the_rest_is_told() {
    let ostler = Setup::new().env("OSTLER_WORKERS", "1").descriptors(400).spawn();
    let address = ostler.address;
    // Three hundred are for callers.
    let idle: Vec<_> = (0..300).map(|_| Exchange::connect(address)).collect();
    for _ in 0..20 {
        send(address, GOOD).next("one more").unwrap().is(200);
    }
    drop(idle);
    eventually("the idle ones are gone", || (descriptors(ostler.pid()).len() < 100).then_some(()));
    let begin = || send(address, "GET / HTTP/1.1\r\n");
    let mut begun: Vec<_> = (0..300).map(|_| begin()).collect();
    let mut told = |request: &[u8]| {
        within(seconds(4), "somebody is told", || {
            // One that had not been heard yet may have made room.
            begun.push(begin());
            let answer = send(address, request).next("one too many").ok()?;
            (answer.status == 503).then_some(answer)
        })
    };
    assert!(told(GOOD).problem(503, "busy").header("retry-after").is_some());
    // A client of MCP that sent its request at once learns to which one that is the answer.
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let head = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    told(format!("{head}{body}").as_bytes()).rpc_problem(503, "busy").has("/id", 7);
    drop(begun);
    within(seconds(10), "there is room again", || {
        let answer = send(address, GOOD).next("afterwards");
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    });
}

#[test]
fn ten_thousand_half_open_connections_cost_little_and_slow_nobody() {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < 16_000) {
        return support::absent("this process may not open 16,000 descriptors");
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let ostler = Ostler::spawn();
    let pid = ostler.pid();
    let honest = || timed(|| send(ostler.address, GOOD).next("an honest request").unwrap().is(200)).0;
    for _ in 0..100 {
        honest();
    }
    let base = resident_kib(pid);
    let began = now();
    let half_open: Vec<_> = (0..10_000).map(|_| send(ostler.address, "GET /livez HTTP/1.1\r\nHost: ")).collect();
    let mut times: Vec<_> = (0..50).map(|_| honest()).collect();
    let grown = resident_kib(pid).saturating_sub(base);
    times.sort();
    assert!(grown < 100 << 10, "memory grew by {grown} KiB");
    assert!(times[25] < millis(100), "half of the honest took {:?} or longer, the slowest {:?}", times[25], times[49]);
    // They are told, and closed, whether they listen or not.
    drop(half_open);
    within(seconds(60), "memory is back", || (resident_kib(pid) < base + (24 << 10)).then_some(()));
    eprintln!("grown {grown} KiB, honest {:?} to {:?}, all in {:?}", times[25], times[49], began.elapsed());
}

#[test]
fn with_far_too_much_to_do_some_are_refused_so_that_others_are_answered() {
    let ostler = Ostler::with(&[("OSTLER_WORKERS", "1")]);
    let request = "GET /api/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(150);
    let mut crowd: Vec<_> = (0..400).map(|_| send(ostler.address, &request)).collect();
    let refused = crowd
        .iter_mut()
        .find_map(|one| (0..150).find_map(|_| one.next("one of a crowd").ok().filter(|answer| answer.status == 503)));
    let refused = refused.expect("nobody was refused").problem(503, "busy");
    assert!(refused.header("retry-after").is_some());
    drop(crowd);
    within(seconds(10), "it has recovered", || {
        let anybody = ostler.anonymous();
        let answers = together(8, |_| anybody.get("/docs.css").status);
        answers.iter().all(|status| *status == 200).then_some(())
    });
}

#[test]
fn the_bodies_that_anybody_began_share_a_budget_and_cost_no_honest_one() {
    const BYTES: usize = 4_000_000;
    const CROWD: usize = 40;
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let pid = ostler.pid();
    let base = resident_kib(pid);
    let grown = |now: u64| now.saturating_sub(base) >> 10;
    let framing = format!("Content-Type: application/json\r\nContent-Length: {}", BYTES + 1);
    let head = format!("POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
    // More than twice the budget.
    let crowd = together(CROWD, |_| {
        let mut exchange = send(ostler.address, &head);
        // Whoever has lost already is told so before all is sent.
        let _ = exchange.write(&[b'x'; BYTES]);
        exchange
    });
    let (held, most) = (grown(resident_kib(pid)), grown(peak_kib(pid)));
    assert!(most < 120, "memory grew by up to {most} MiB");
    assert!(held > 32, "nothing was held: {held} MiB");
    let honest = |bytes: usize| {
        let text = "y".repeat(bytes);
        assert_eq!(server.call("echo", json!({"message": text})).is(200).said(), text);
    };
    (0..3).for_each(|_| honest(3_500_000));
    let ends = crowd.into_iter().map(|mut one| {
        let _ = one.write(b"x");
        one.next("a body that is no JSON").map_or(0, |answer| answer.status)
    });
    let ends: Vec<_> = ends.collect();
    let busy = ends.iter().filter(|status| **status == 503).count();
    // On a busy machine some have waited for 30 s by now, as long as a body may take.
    assert!(busy > 0 && ends.iter().all(|status| [0, 400, 408, 503].contains(status)), "{ends:?}");
    // The allocator gives memory back when a thread next asks it for much.
    within(seconds(180), "memory is back", || {
        together(4, |_| honest(1_000_000));
        (grown(resident_kib(pid)) < 32).then_some(())
    });
    eprintln!(
        "{CROWD} bodies: {held} MiB held, {most} at most, {} in the end; {busy} refused",
        grown(resident_kib(pid))
    );
}
