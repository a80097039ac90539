//! Limits: exact, per person, told in the headers.

use crate::support::*;

#[test]
fn of_a_hundred_calls_at_once_exactly_as_many_pass_as_allowed() {
    let ostler = Ostler::with(&[("RATE_LIMIT_TOOL_EXECUTE", "20/60s")]);
    let server = ostler.admin().running(fake("ok"));
    let answers = together(100, |_| server.call("echo", json!({"message": "x"})));
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((passed, refused), (20, 80));
    assert_eq!(server.logs().list("/items").len(), 20, "a refused call never reaches the tool");
}

#[test]
fn of_a_hundred_requests_at_once_exactly_as_many_pass_as_allowed() {
    let ostler = Ostler::with(&[("RATE_LIMIT_API", "40/60s")]);
    let (dana, other) = (ostler.admin().make_user("dana", "viewer"), ostler.admin().make_user("other", "viewer"));
    let answers = together(100, |_| dana.get("/api/mcp"));
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 40);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 60);

    let refused = dana.get("/api/mcp").problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").expect("a Retry-After").parse().unwrap();
    assert!((1..=60).contains(&wait), "{refused:?}");
    assert!(refused.header("ratelimit").is_some() && refused.header("ratelimit-policy").is_some(), "{refused:?}");

    dana.ask("GET", "/api/mcp").header("X-Forwarded-For", "203.0.113.7").send().is(429);
    dana.log_in(&dana.email, &dana.password).get("/api/mcp").is(429);
    other.get("/api/mcp").is(200);
    ostler.anonymous().get("/livez").is(200);
}

#[test]
fn the_sixth_server_in_five_minutes_has_to_wait() {
    let ostler = Setup::new().without("RATE_LIMIT_SERVER_CREATE").spawn();
    for _ in 0..5 {
        ostler.admin().try_register(fake("ok")).is(201);
    }
    ostler.admin().try_register(fake("ok")).problem(429, "rate_limited");
    assert_eq!(ostler.admin().get("/api/mcp").is(200).list("/items").len(), 5);
}

#[test]
fn what_was_used_up_comes_back_with_time() {
    let ostler = Ostler::with(&[("RATE_LIMIT_TOOL_EXECUTE", "2/1s")]);
    let server = ostler.admin().running(fake("ok"));
    let answers = together(6, |_| server.call("echo", json!({"message": "x"})).status);
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 2);
    within(seconds(3), "the window has moved on", || {
        (server.call("echo", json!({"message": "x"})).status == 200).then_some(())
    });
}
