//! Choosing instances, ejecting them and taking them back, on a clock that stands still unless it is advanced.

use std::{sync::Arc, time::Duration};

use tokio::time::advance;

use super::{
    actor::GatewayActor,
    instance::{Instance, WARM_UP_TIME},
    *,
};
use crate::{
    model::{LoadBalancing, ServiceLimit, ServiceSpec, Timestamp},
    policy::{health::Thresholds, shortage::Shortage},
};

const THRESHOLDS: Thresholds = Thresholds { healthy_after: 1, unhealthy_after: 1 };

fn spec(instances: u16) -> ServiceSpec {
    (0..instances).fold(ServiceSpec::new("chat", "/api/chat"), |spec, n| spec.instance("127.0.0.1", 3000 + n))
}

fn registered(spec: ServiceSpec) -> (Gateway, Arc<Service>) {
    let gateway = Gateway::new(GatewaySettings::default());
    let service = gateway.register(spec);
    (gateway, service)
}

fn ports(service: &Arc<Service>, requests: usize) -> Vec<u16> {
    (0..requests).map(|_| service.choose(&[]).unwrap().instance().port()).collect()
}

fn instance(service: &Service, port: u16) -> &Arc<Instance> {
    service.instances().find(|instance| instance.port() == port).unwrap()
}

fn check(service: &Service, port: u16, healthy: bool) {
    let view = CheckView { at: Timestamp::now(), healthy, status: None, response_time: 1.0, error: None };
    instance(service, port).checked(view, THRESHOLDS, service.now());
}

/// Lets requests to `port` fail until it gets none any more; returns how many it took.
fn fail(service: &Arc<Service>, port: u16) -> usize {
    let mut failed = 0;
    for _ in 0..100 {
        let lease = service.choose(&[]).unwrap();
        if lease.instance().port() == port {
            failed += 1;
            lease.failed(FailureKind::Timeout);
        } else {
            lease.answered(200);
        }
    }
    failed
}

fn in_flight(service: &Service) -> Vec<u32> {
    service.instances().map(|instance| instance.in_flight()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_longest_base_path_wins_and_ends_at_a_segment() {
    let gateway = Gateway::new(GatewaySettings::default());
    for path in ["/api/chat", "/api/chat/admin", "/shop"] {
        gateway.register(ServiceSpec { base_path: path.into(), ..ServiceSpec::new(path.replace('/', "-"), path) });
    }
    let table = gateway.table();
    let found = |path: &str| table.find(path).map(|service| service.spec().base_path.clone());
    for (path, expected) in [
        ("/api/chat", Some("/api/chat")),
        ("/api/chat/", Some("/api/chat")),
        ("/api/chat/admin", Some("/api/chat/admin")),
        ("/api/chat/admin/x/y", Some("/api/chat/admin")),
        ("/api/chat/administrator", Some("/api/chat")),
        ("/api/chats", None),
        ("/api/chat-admin/and/more/of/it", None),
        ("/api", None),
        ("/", None),
        ("", None),
        ("*", None),
        ("/shop/ä/ö", Some("/shop")),
        ("/shö/ää/öö/üüüüü", None),
    ] {
        assert_eq!(found(path).as_deref(), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_go_round_and_are_counted_back_to_zero() {
    let (_gateway, service) = registered(spec(3));
    assert_eq!(ports(&service, 6), [3000, 3001, 3002, 3000, 3001, 3002]);
    let held: Vec<_> = (0..7).map(|_| service.choose(&[]).unwrap()).collect();
    assert_eq!(in_flight(&service), [3, 2, 2]);
    drop(held);
    assert_eq!(in_flight(&service), [0, 0, 0]);
    let stats = service.stats();
    assert_eq!((stats.requests, stats.errors.aborted, stats.in_flight), (13, 13, 0));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_was_tried_is_not_chosen_again() {
    let (_gateway, service) = registered(spec(2));
    for _ in 0..10 {
        let first = service.choose(&[]).unwrap();
        let second = service.choose(&[first.instance().id()]).unwrap();
        assert_ne!(first.instance().id(), second.instance().id());
        let none = service.choose(&[first.instance().id(), second.instance().id()]);
        assert!(!none.unwrap_err().full);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_instance_gets_no_more_and_that_is_told_apart_from_an_ill_one() {
    let (_gateway, service) = registered(ServiceSpec { max_connections: Some(2), ..spec(2) });
    let held: Vec<_> = (0..4).map(|_| service.choose(&[]).unwrap()).collect();
    assert_eq!(in_flight(&service), [2, 2]);
    assert!(service.choose(&[]).unwrap_err().full);
    drop(held);
    assert!(service.choose(&[]).is_ok());
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_eject_and_a_good_check_and_good_trials_bring_it_back_slowly() {
    let (_gateway, service) = registered(spec(2));
    assert_eq!(fail(&service, 3001), 3);
    assert_eq!(service.health().status, ServiceState::Degraded);
    let breaker = service.health().instances[1].breaker;
    assert_eq!((breaker.state, breaker.ejections, breaker.retry_in), (BreakerState::Open, 1, Some(5_000)));

    advance(Duration::from_secs(6)).await;
    assert_eq!(fail(&service, 3001), 0, "no request before a check was good");
    check(&service, 3001, true);
    let counted = |requests| {
        let chosen = |_| {
            let lease = service.choose(&[]).unwrap();
            lease.answered(200);
            lease.instance().port()
        };
        (0..requests).map(chosen).filter(|port| *port == 3001).count()
    };
    counted(10);
    assert_eq!(service.health().instances[1].breaker.state, BreakerState::Closed);
    let early = counted(1_100);
    assert!((90..=110).contains(&early), "{early} of 1100");
    advance(Duration::from_secs(10)).await;
    let later = counted(1_500);
    assert!((480..=520).contains(&later), "{later} of 1500");
    advance(Duration::from_secs(10)).await;
    let whole = counted(1_000);
    assert!((499..=501).contains(&whole), "{whole} of 1000");
}

#[tokio::test(start_paused = true)]
async fn never_more_than_half_are_ejected_by_suspicion_and_the_last_never() {
    let (_gateway, service) = registered(spec(4));
    for _ in 0..400 {
        service.choose(&[]).unwrap().failed(FailureKind::Reset);
    }
    let available = || service.health().available;
    assert_eq!(available(), 2);
    let (_gateway, alone) = registered(spec(1));
    for _ in 0..100 {
        alone.choose(&[]).unwrap().failed(FailureKind::Connect);
    }
    assert_eq!(alone.health().available, 1);
}

#[tokio::test(start_paused = true)]
async fn what_checks_find_is_no_suspicion_and_the_last_healthy_one_stays() {
    let (_gateway, service) = registered(spec(2));
    check(&service, 3000, false);
    for _ in 0..100 {
        service.choose(&[]).unwrap().failed(FailureKind::Reset);
    }
    assert_eq!(service.health().available, 1);
    check(&service, 3001, true);
    check(&service, 3001, false);
    let none = service.choose(&[]).unwrap_err();
    assert_eq!(none, NoInstance { retry_after: Duration::from_secs(1), full: false });
    assert_eq!(service.health().status, ServiceState::Unhealthy);
    assert_eq!(service.stats().no_instance, 1);
}

#[tokio::test(start_paused = true)]
async fn an_ejected_instance_that_checks_find_well_gets_requests_once_no_other_is_left() {
    let (_gateway, service) = registered(spec(2));
    fail(&service, 3001);
    check(&service, 3000, false);
    assert!(service.choose(&[]).is_err(), "no check found it well since it was ejected");
    check(&service, 3001, true);
    assert_eq!(ports(&service, 10), [3001; 10]);
    let health = service.health();
    assert_eq!((health.status, health.available), (ServiceState::Degraded, 1));
    assert_eq!((health.instances[1].breaker.state, health.instances[1].available), (BreakerState::Open, true));
    assert!(service.stats().instances[1].available);

    check(&service, 3000, true);
    assert_eq!(ports(&service, 10), [3000; 10]);
    let second = service.choose(&[instance(&service, 3000).id()]).unwrap();
    assert_eq!(second.instance().port(), 3001);
    assert!(service.choose(&[instance(&service, 3000).id(), instance(&service, 3001).id()]).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_full_service_is_no_reason_to_ask_an_ejected_instance() {
    let (_gateway, service) = registered(ServiceSpec { max_connections: Some(1), ..spec(2) });
    fail(&service, 3001);
    check(&service, 3001, true);
    let _held = service.choose(&[]).unwrap();
    assert!(service.choose(&[]).unwrap_err().full);
}

#[tokio::test(start_paused = true)]
async fn a_shortage_of_our_own_speaks_against_no_instance() {
    let (_gateway, service) = registered(spec(2));
    let none_left = Shortage::of(&rustix::io::Errno::ADDRNOTAVAIL.into()).unwrap();
    for _ in 0..100 {
        service.choose(&[]).unwrap().failed(FailureKind::Shortage(none_left));
    }
    assert_eq!(service.health().status, ServiceState::Healthy);
    assert_eq!(service.stats().errors, ErrorCounts::default());
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_instance_is_told_when_the_next_check_is_due() {
    let (_gateway, service) = registered(spec(1));
    check(&service, 3000, false);
    instance(&service, 3000).check_due(service.now() + Duration::from_secs(7));
    assert_eq!(service.choose(&[]).unwrap_err().retry_after, Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_keeps_what_is_known_of_instances_that_stay() {
    let (gateway, before) = registered(spec(2));
    fail(&before, 3001);
    let held: Vec<_> = (0..3).map(|_| before.choose(&[]).unwrap()).collect();
    let after = gateway.register(ServiceSpec { base_path: "/chat".into(), ..spec(3) });
    assert_eq!(in_flight(&after), [3, 0, 0]);
    assert_eq!(after.health().instances[1].breaker.state, BreakerState::Open);
    let requests = after.stats().requests;
    assert_eq!(requests, before.stats().requests);
    assert!(gateway.table().find("/api/chat").is_none());

    let last = gateway.register(ServiceSpec::new("chat", "/chat").instance("127.0.0.1", 3002));
    assert_eq!((last.in_flight(), last.stats().in_flight), (3, 3), "requests on a removed instance count on");
    assert_eq!(last.stats().requests, requests);
    drop(held);
    assert_eq!(last.in_flight(), 0);
    let again = gateway.register(spec(1));
    assert_eq!(again.stats().requests, requests, "what removed instances did is not forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_replacements_leave_nothing_behind() {
    let (gateway, _) = registered(spec(1));
    for n in 0..1_000 {
        let service = gateway.register(ServiceSpec::new("chat", "/api/chat").instance("127.0.0.1", 4000 + n));
        service.choose(&[]).unwrap().answered(200);
    }
    let service = gateway.service("chat").unwrap();
    assert_eq!((service.stats().requests, service.in_flight()), (1_000, 0));
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_requests_under_way_and_not_for_ever() {
    let (gateway, service) = registered(spec(2));
    let held = [service.choose(&[]).unwrap(), service.choose(&[]).unwrap()];
    let gone = gateway.unregister("chat").unwrap();
    assert!(gateway.table().is_empty() && gateway.unregister("chat").is_none());
    assert!(!gone.drained(Duration::from_secs(30)).await);
    let draining = tokio::spawn(async move { gone.drained(Duration::from_secs(30)).await });
    tokio::task::yield_now().await;
    drop(held);
    assert!(draining.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_per_caller_and_outlives_a_replacement() {
    let limit = Some(ServiceLimit { window: Duration::from_secs(60), max: 2 });
    let (gateway, service) = registered(ServiceSpec { rate_limit: limit, ..spec(1) });
    assert!(service.admit("ada").is_ok() && service.admit("ada").is_ok() && service.admit("bob").is_ok());
    let service = gateway.register(ServiceSpec { rate_limit: limit, ..spec(2) });
    let refused = service.admit("ada").unwrap_err();
    assert_eq!((refused.quota, refused.retry_after), (2, Duration::from_secs(60)));
    advance(Duration::from_secs(60)).await;
    assert!(service.admit("ada").is_ok());
    assert_eq!(service.stats().rate_limited, 1);
}

#[tokio::test(start_paused = true)]
async fn weights_and_zero_are_kept_by_every_strategy() {
    for strategy in [LoadBalancing::RoundRobin, LoadBalancing::LeastConnections, LoadBalancing::Weighted] {
        let mut drained = ServiceSpec { load_balancing: Some(strategy), ..spec(3) };
        drained.instances[1].weight = 0;
        drained.instances[2].weight = 3;
        let (_gateway, service) = registered(drained);
        let chosen = ports(&service, 4_000);
        let count = |wanted| chosen.iter().filter(|port| **port == wanted).count();
        assert_eq!(count(3001), 0, "{strategy:?}");
        let expected = if strategy == LoadBalancing::Weighted { 3_000 } else { 2_000 };
        assert!(count(3002).abs_diff(expected) <= 100, "{strategy:?}: {}", count(3002));
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_instance_finishes_what_it_has_and_comes_back_slowly() {
    let (gateway, before) = registered(spec(2));
    let held = [before.choose(&[]).unwrap(), before.choose(&[]).unwrap()];
    check(&before, 3001, false);
    let mut drained = spec(2);
    drained.instances[1].draining = true;
    let service = gateway.register(drained.clone());
    assert_eq!((ports(&before, 10), ports(&service, 10)), (vec![3000; 10], vec![3000; 10]));
    let health = service.health();
    assert_eq!((health.status, health.total), (ServiceState::Healthy, 1), "{health:?}");
    let stats = service.stats().instances.remove(1);
    assert!(stats.draining && !stats.available && stats.in_flight == 1, "{stats:?}");
    drop(held);
    assert_eq!(service.stats().instances[1].in_flight, 0);
    drained.instances[0].draining = true;
    assert!(gateway.register(drained).choose(&[]).is_err());

    let service = gateway.register(spec(2));
    assert_eq!(service.health().instances[1].status, InstanceVerdict::Unknown, "what was known of it is no longer");
    check(&service, 3001, true);
    check(&service, 3000, true);
    advance(WARM_UP_TIME / 2).await;
    gateway.register(spec(2));
    let chosen = ports(&service, 30);
    assert_eq!(chosen.iter().filter(|port| **port == 3001).count(), 15, "both came back at the same time");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_from_many_threads_are_even_to_within_one() {
    let (_gateway, service) = registered(spec(7));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1_250).for_each(|_| service.choose(&[]).unwrap().answered(200)));
        }
    });
    let requests: Vec<_> = service.stats().instances.iter().map(|one| one.requests).collect();
    assert_eq!(requests.iter().sum::<u64>(), 10_000);
    assert!(requests.iter().max().unwrap() - requests.iter().min().unwrap() <= 1, "{requests:?}");
    assert_eq!(in_flight(&service), [0; 7]);
}

/// Makes the actor panic.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct PanicActor;

impl actix::Handler<PanicActor> for GatewayActor {
    type Result = ();

    fn handle(&mut self, _: PanicActor, _: &mut actix::Context<Self>) {
        panic!("as a test asked for");
    }
}

#[actix::test]
async fn checks_go_on_after_a_panic_of_the_actor() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::new(GatewaySettings::default());
    let arbiter = actix::Arbiter::new();
    gateway.start(arbiter.handle());
    let port = listener.local_addr().unwrap().port();
    let service = gateway.register(ServiceSpec::new("chat", "/api/chat").instance("127.0.0.1", port));
    gateway.check(&service).await.unwrap();
    assert!(gateway.shared.actor.address().unwrap().send(PanicActor).await.is_err());
    assert!(service.choose(&[]).is_ok(), "a request needs no actor");

    let checks = service.health().instances[0].history.len();
    while gateway.check(&service).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(service.health().instances[0].history.len() > checks);
    gateway.stop();
    arbiter.stop();
}
