//! An instance dies, hangs or flaps under load, and callers hardly notice.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::support::{
    Ostler, eventually,
    instance::{Instances, health_until},
    json,
    load::{Load, failed},
    millis, seconds, timed,
    wait::{now, pass},
};

/// Set, tests that take a while run as long as the promise says.
const LONG: &str = "OSTLER_TEST_LONG";

fn is_long() -> bool {
    std::env::var_os(LONG).is_some()
}

#[test]
fn killing_one_of_two_instances_fails_no_get_and_sends_nothing_twice() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    ostler.admin().post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let load = Load { to: ostler.address, rate: 500, threads: 25 };
    let ((), outcomes) = load.during("/shop", "?wait=10", || {
        pass(seconds(2));
        instances.each[1].kill();
        pass(seconds(3));
    });
    assert!(outcomes.len() > 1_000, "only {} requests", outcomes.len());
    let (gets, posts) = (failed(&outcomes, "GET"), failed(&outcomes, "POST"));
    assert!(gets.is_empty(), "{gets:?}");
    // Each caller has one request under way, and half of those are with the one that was killed.
    assert!(posts.len() <= 25, "{posts:?}");
    let arrived: Vec<_> = instances.requests().into_iter().filter(|request| request.starts_with("POST")).collect();
    let distinct: BTreeSet<_> = arrived.iter().collect();
    assert_eq!(distinct.len(), arrived.len(), "a POST was sent twice");
    println!("{} requests, {} posts failed", outcomes.len(), posts.len());
}

#[test]
fn a_killed_instance_that_returns_takes_traffic_again_slowly_at_first() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    instances.each[1].kill();
    health_until(&admin, "shop", "it is ill", |answer| *answer.at("/instances/1/status") == "unhealthy");
    instances.each[1].start_again();
    health_until(&admin, "shop", "it is back", |answer| *answer.at("/status") == "healthy");
    let requests =
        |index: usize| admin.get("/api/gateway/stats").number(&format!("/services/0/instances/{index}/requests"));
    let before = [requests(0), requests(1)];
    for _ in 0..60 {
        ostler.anonymous().get("/shop/x").is(200);
    }
    let [steady, returned] = [requests(0) - before[0], requests(1) - before[1]];
    assert!(returned >= 3 && returned * 2 < steady, "{returned} against {steady}");
}

#[test]
fn an_instance_that_hangs_is_ejected_after_at_most_three_timeouts() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    let rarely = json!({"timeout": 400, "healthCheck": {"interval": 3_600_000, "timeout": 400}});
    admin.post("/api/gateway/services", instances.service("shop", rarely)).is(201);
    admin.press("/api/gateway/health/shop/check").is(200).has("/status", "healthy");
    instances.each[0].signal(Signal::STOP);
    let answers: Vec<_> = (0..30).map(|n| ostler.anonymous().get(&format!("/shop/{n}")).status).collect();
    let late = answers.iter().filter(|status| **status != 200).count();
    assert!(late <= 3, "{answers:?}");
    let health = admin.get("/api/gateway/health/shop").is(200);
    assert_ne!(*health.at("/instances/0/breaker/state"), "closed");
    assert!(admin.get("/api/gateway/stats").number("/services/0/instances/0/errors/timeout") <= 3);
    instances.each[0].signal(Signal::CONT);
}

#[test]
fn a_flapping_instance_costs_at_most_one_request_in_a_hundred() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    ostler.admin().post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let load = Load { to: ostler.address, rate: 200, threads: 10 };
    let (ends, length) = (now(), if is_long() { seconds(300) } else { seconds(12) });
    let ((), outcomes) = load.during("/shop", "?wait=5", || {
        while ends.elapsed() < length {
            pass(seconds(2));
            instances.each[1].kill();
            pass(seconds(2));
            instances.each[1].start_again();
        }
    });
    let errors = failed(&outcomes, "GET").len() + failed(&outcomes, "POST").len();
    println!("{errors} of {} failed", outcomes.len());
    assert!(errors * 100 <= outcomes.len(), "{errors} of {}", outcomes.len());
}

#[test]
fn with_no_instance_left_callers_are_told_at_once_when_to_come_back() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(1));
    let admin = ostler.admin();
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    instances.each[0].kill();
    health_until(&admin, "shop", "it is ill", |answer| *answer.at("/status") == "unhealthy");
    let fastest = (0..20).map(|_| {
        let (time, answer) = timed(|| ostler.anonymous().get("/shop/x"));
        let answer = answer.problem(503, "no_healthy_instance");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{answer:?}");
        time
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < millis(10), "{fastest:?}");
}

#[test]
fn services_come_change_and_go_under_load_and_no_request_fails() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(3));
    let admin = ostler.admin();
    let shop = |round: usize| {
        let strategy = ["round-robin", "least-connections", "weighted"][round % 3];
        let mut body = instances.service("shop", json!({"loadBalancing": strategy}));
        body["instances"].as_array_mut().unwrap().remove(round % 3);
        body
    };
    admin.post("/api/gateway/services", shop(0)).is(201);
    let load = Load { to: ostler.address, rate: 200, threads: 8 };
    let rounds = if is_long() { 1_000 } else { 334 };
    let ((), outcomes) = load.during("/shop", "?wait=3", || {
        for round in 0..rounds {
            admin.post("/api/gateway/services", instances.service("other", json!({}))).is(201);
            admin.post("/api/gateway/services", shop(round)).is(200);
            ostler.anonymous().get("/other/x").is(200);
            admin.delete("/api/gateway/services/other").is(204);
        }
    });
    let failed = [failed(&outcomes, "GET"), failed(&outcomes, "POST")].concat();
    assert!(failed.is_empty() && outcomes.len() > 100, "{} of {}: {failed:?}", failed.len(), outcomes.len());
    println!("{} requests during {} changes", outcomes.len(), 3 * rounds);
}

#[test]
fn an_instance_that_is_drained_first_may_be_stopped_under_load_and_no_request_fails() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    admin.press("/api/gateway/health/shop/check").is(200).has("/available", 2);
    let drain = |port: u16, draining: bool| {
        let change = json!({"host": "127.0.0.1", "port": port, "draining": draining});
        admin.put("/api/gateway/services/shop/instances", change).is(200).has("/draining", draining)
    };
    let stats = |field: &str| admin.get("/api/gateway/stats").number(&format!("/services/0/instances/1/{field}"));
    let load = Load { to: ostler.address, rate: 300, threads: 12 };
    let ((), outcomes) = load.during("/shop", "?wait=20", || {
        for _ in 0..2 {
            eventually("it has requests", || (stats("inFlight") > 0).then_some(()));
            drain(instances.each[1].port, true);
            eventually("it has none left", || (stats("inFlight") == 0).then_some(()));
            let requests = stats("requests");
            instances.each[1].kill();
            // Longer than it takes to find an instance ill.
            pass(seconds(1));
            assert_eq!(stats("requests"), requests, "it got none while it was drained");
            let health = admin.get("/api/gateway/health/shop").is(200).has("/status", "healthy").has("/total", 1);
            health.has("/instances/1/status", "healthy").has("/instances/1/available", false);
            instances.each[1].start_again();
            drain(instances.each[1].port, false);
        }
        eventually("it has requests again", || (stats("inFlight") > 0).then_some(()));
    });
    let failed = [failed(&outcomes, "GET"), failed(&outcomes, "POST")].concat();
    assert!(failed.is_empty() && outcomes.len() > 300, "{} of {}: {failed:?}", failed.len(), outcomes.len());
}

#[test]
fn a_removal_waits_for_requests_under_way() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(1));
    let admin = ostler.admin();
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let caller = ostler.anonymous();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| caller.get("/shop/slow?wait=1500").status);
        eventually("it is under way", || {
            (admin.get("/api/gateway/stats").number("/summary/inFlight") == 1).then_some(())
        });
        admin.delete("/api/gateway/services/shop").is(204);
        assert!(slow.is_finished() || slow.join().unwrap() == 200);
    });
    ostler.anonymous().get("/shop/x").is(404);
}

#[test]
fn the_last_instance_that_checks_find_well_gets_requests_though_it_was_ejected() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    let fields = json!({"healthCheck": {"interval": 3_600_000, "timeout": 10_000, "healthyAfter": 1}});
    admin.post("/api/gateway/services", instances.service("shop", fields)).is(201);
    let caller = ostler.anonymous();
    health_until(&admin, "shop", "both are well", |answer| {
        answer.list("/instances").iter().all(|one| one["status"] == "healthy")
    });
    instances.each[0].kill();
    health_until(&admin, "shop", "it is ejected", |answer| {
        caller.get("/shop/x").is(200);
        *answer.at("/instances/0/breaker/state") == "open"
    });
    instances.each[0].start_again();
    admin.press("/api/gateway/health/shop/check").is(200).has("/instances/0/status", "healthy");
    instances.each[1].kill();
    for _ in 0..10 {
        caller.get("/shop/x").is(200);
        caller.post("/shop/x", json!({})).is(200);
    }
}
