//! Instances are checked, and what is found is shown.

use rustix::process::Signal;

use crate::support::{
    Ostler,
    instance::{Instances, health_until},
    json, seconds, timed,
};

#[test]
fn an_instance_that_is_killed_is_found_out_and_taken_back_when_it_returns() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let well = health_until(&admin, "shop", "both are well", |answer| {
        answer.list("/instances").iter().all(|one| one["status"] == "healthy")
    });
    well.has("/status", "healthy").has("/available", 2).has("/instances/0/breaker/state", "closed");

    instances.each[1].kill();
    let ill = health_until(&admin, "shop", "one is ill", |answer| *answer.at("/instances/1/status") == "unhealthy");
    let ill = ill.has("/status", "degraded").has("/available", 1).has("/instances/1/available", false);
    let last = &ill.list("/instances/1/history")[0];
    assert!(last["healthy"] == false && last["error"].is_string() && last["responseTime"].is_number(), "{last}");
    admin
        .get("/api/gateway/health")
        .is(200)
        .has("/summary", json!({"total": 1, "healthy": 0, "degraded": 1, "unhealthy": 0}));

    instances.each[1].start_again();
    health_until(&admin, "shop", "it is back", |answer| *answer.at("/status") == "healthy");
}

#[test]
fn an_instance_that_hangs_is_found_out() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    instances.each[0].signal(Signal::STOP);
    admin.post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let ill = health_until(&admin, "shop", "it is ill", |answer| *answer.at("/instances/0/status") == "unhealthy");
    assert!(ill.string("/instances/0/history/0/error").contains("500 ms"), "{ill:?}");
    instances.each[0].signal(Signal::CONT);
    health_until(&admin, "shop", "it is well", |answer| *answer.at("/status") == "healthy");
}

#[test]
fn a_check_is_made_now_and_answers_what_it_found() {
    let (ostler, mut instances) = (Ostler::spawn(), Instances::start(2));
    let admin = ostler.admin();
    let often = json!({"healthCheck": {"interval": 3_600_000, "timeout": 2_000, "unhealthyAfter": 1}});
    admin.post("/api/gateway/services", instances.service("shop", often)).is(201);
    admin.press("/api/gateway/health/shop/check").is(200).has("/status", "healthy");
    let before = admin.get("/api/gateway/health/shop").list("/instances/0/history").len();
    instances.each[0].kill();
    let found = admin.press("/api/gateway/health/shop/check").is(200);
    let found = found.has("/status", "degraded").has("/instances/0/status", "unhealthy");
    assert!(found.list("/instances/0/history").len() > before);
}

#[test]
fn a_health_endpoint_that_says_no_is_believed_and_a_missing_one_only_connects() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(1));
    let admin = ostler.admin();
    let mcp = Ostler::spawn();
    let place = json!([{"host": "localhost", "port": mcp.address.port()}]);
    let told = instances.service("told", json!({"instances": place, "healthEndpoint": "/no-such-page"}));
    admin.post("/api/gateway/services", told).is(201);
    let found = admin.press("/api/gateway/health/told/check").is(200).has("/status", "unhealthy");
    found.has("/instances/0/history/0/status", 404);
    let connected = instances.service("connected", json!({"instances": place, "healthEndpoint": null}));
    admin.post("/api/gateway/services", connected).is(201);
    admin.press("/api/gateway/health/connected/check").is(200).has("/status", "healthy");
}

#[test]
fn removing_an_idle_service_takes_no_time() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(1));
    ostler.admin().post("/api/gateway/services", instances.service("shop", json!({}))).is(201);
    let (time, answer) = timed(|| ostler.admin().delete("/api/gateway/services/shop"));
    answer.is(204);
    assert!(time < seconds(2), "{time:?}");
}
