//! Registering, replacing, reading and removing services.

use crate::support::{Ostler, Setup, Value, backends::on_both_databases, eventually, instance::Instances, json};

/// The seed's example, under a path that is free.
fn chat() -> Value {
    json!({
        "name": "chat-service",
        "instances": [{"host": "127.0.0.1", "port": 3007, "weight": 1}, {"host": "127.0.0.1", "port": 3008, "weight": 2}],
        "basePath": "/api/chat", "healthEndpoint": "/health", "authentication": true,
        "rateLimit": {"windowMs": 60000, "max": 100}, "timeout": 30000
    })
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

on_both_databases! {
    fn a_service_survives_a_restart_and_its_removal_does_too(setup: Setup) {
        let mut ostler = setup.spawn();
        let made = ostler.admin().post("/api/gateway/services", chat()).is(201);
        assert_eq!(made.header("location"), Some("/api/gateway/services/chat-service"));
        let replacement = with(&chat(), "loadBalancing", json!("weighted"));
        let replaced = ostler.admin().post("/api/gateway/services", replacement).is(200);
        assert_eq!(replaced.at("/createdAt"), made.at("/createdAt"));
        let expected = ostler.admin().get("/api/gateway/services/chat-service").is(200).json;

        ostler.kill();
        ostler.start_again();
        assert_eq!(ostler.admin().get("/api/gateway/services/chat-service").is(200).json, expected);
        ostler.admin().delete("/api/gateway/services/chat-service").is(204);

        ostler.kill();
        ostler.start_again();
        ostler.admin().get("/api/gateway/services/chat-service").problem(404, "service_not_found");
        assert!(ostler.admin().get("/api/gateway/config").is(200).list("/services").is_empty());
    }

    fn what_is_changed_of_an_instance_survives_a_restart_and_is_audited(setup: Setup) {
        let mut ostler = setup.spawn();
        let admin = ostler.admin();
        admin.post("/api/gateway/services", chat()).is(201).has("/instances/0/draining", false);
        let path = "/api/gateway/services/chat-service/instances";
        let drained = json!({"host": "127.0.0.1", "port": 3007, "draining": true});
        admin.put(path, drained).is(200).has("/draining", true).has("/weight", 1).has("/inFlight", 0);
        let weighed = json!({"host": "127.0.0.1", "port": 3008, "weight": 7});
        admin.put(path, weighed).is(200).has("/draining", false).has("/weight", 7);
        let lines = admin.get("/api/audit?action=service.update").is(200);
        let details: Vec<_> = lines.list("/items").iter().map(|line| line["detail"].as_str().unwrap()).collect();
        assert_eq!(details, ["127.0.0.1:3008 weight 7", "127.0.0.1:3007 weight 1 draining"]);

        ostler.kill();
        ostler.start_again();
        let service = ostler.admin().get("/api/gateway/services").is(200);
        service.has("/items/0/instances/0/draining", true).has("/items/0/instances/1/weight", 7)
            .has("/items/0/stats/instances/0/draining", true).has("/items/0/health/instances/0/draining", true);
    }

    fn every_change_of_a_service_is_audited(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        admin.post("/api/gateway/services", chat()).is(201);
        admin.post("/api/gateway/services", chat()).is(200);
        admin.delete("/api/gateway/services/chat-service").is(204);
        ostler.user("developer").post("/api/gateway/services", chat()).problem(403, "forbidden");
        let lines = admin.get("/api/audit?target=chat-service").is(200);
        let actions: Vec<_> = lines.list("/items").iter().map(|line| line["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["service.unregister", "service.replace", "service.register"]);
        // A refusal is answered before it is on record.
        eventually("the refusal is on record", || {
            let lines = admin.get("/api/audit?action=service.register").is(200);
            (lines.list("/items")[0]["outcome"] == "denied").then_some(())
        });
    }
}

#[test]
fn what_is_left_out_has_safe_defaults() {
    let ostler = Ostler::spawn();
    let body = json!({"name": "a", "instances": [{"host": "127.0.0.1", "port": 1}], "basePath": "/a"});
    let made = ostler.admin().post("/api/gateway/services", body).is(201);
    made.has("/authentication", true).has("/passCredentials", false).has("/instances/0/weight", 1);
}

#[test]
fn a_service_that_cannot_be_is_refused_field_by_field() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    for (field, value, pointer) in [
        ("name", json!("a b"), "/name"),
        ("instances", json!([]), "/instances"),
        ("instances", json!([{"host": "http://x", "port": 1}]), "/instances/0/host"),
        ("instances", json!([{"host": "169.254.169.254", "port": 80}]), "/instances/0/host"),
        ("instances", json!([{"host": "x", "port": 65_536}]), "/instances/0/port"),
        ("instances", json!([{"host": "x", "port": 1, "weight": -1}]), "/instances/0/weight"),
        ("basePath", json!("api/chat"), "/basePath"),
        ("healthEndpoint", json!("health"), "/healthEndpoint"),
        ("rateLimit", json!({"windowMs": 0, "max": 1}), "/rateLimit/windowMs"),
        ("rateLimit", json!({"windowMs": 1000}), "/rateLimit/max"),
        ("timeout", json!(0), "/timeout"),
        ("loadBalancing", json!("random"), "/loadBalancing"),
        ("healthCheck", json!({"healthyAfter": 0}), "/healthCheck/healthyAfter"),
        ("maxConnections", json!(0), "/maxConnections"),
        ("keepAlive", json!(86_400_001), "/keepAlive"),
        ("owner", json!("me"), "/owner"),
    ] {
        let refused = admin.post("/api/gateway/services", with(&chat(), field, value));
        refused.problem(422, "validation_failed").has("/errors/0/pointer", pointer);
    }
    assert!(admin.get("/api/gateway/config").is(200).list("/services").is_empty());
}

#[test]
fn a_path_has_one_owner() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    for path in ["/", "/api", "/api/mcp", "/api/mcp/x", "/api/gateway", "/api/auth/login", "/docs", "/mcp"] {
        let refused = admin.post("/api/gateway/services", with(&chat(), "basePath", json!(path)));
        assert!(refused.problem(409, "conflict").string("/detail").contains("OSTLER_SERVE"), "{path}");
    }
    admin.post("/api/gateway/services", chat()).is(201);
    let other = with(&chat(), "name", json!("other"));
    let refused = admin.post("/api/gateway/services", other.clone()).problem(409, "conflict");
    assert!(refused.string("/detail").contains("chat-service"), "{refused:?}");
    admin.post("/api/gateway/services", with(&other, "basePath", json!("/api/chat/inner"))).is(201);
    // One that moves away makes room.
    admin.post("/api/gateway/services", with(&chat(), "basePath", json!("/elsewhere"))).is(200);
    admin.post("/api/gateway/services", other).is(200);
}

#[test]
fn looking_needs_gateway_read_and_changing_gateway_manage() {
    let ostler = Ostler::spawn();
    ostler.admin().post("/api/gateway/services", chat()).is(201);
    let reads = ["/stats", "/config", "/health", "/health/chat-service", "/services/chat-service"];
    for (role, read) in [("developer", 200), ("viewer", 200), ("executor", 403)] {
        let caller = ostler.user(role);
        for path in reads {
            caller.get(&format!("/api/gateway{path}")).is(read);
        }
        caller.post("/api/gateway/services", chat()).problem(403, "forbidden");
        caller.delete("/api/gateway/services/chat-service").problem(403, "forbidden");
        caller.press("/api/gateway/health/chat-service/check").problem(403, "forbidden");
    }
    for path in reads {
        ostler.anonymous().get(&format!("/api/gateway{path}")).problem(401, "unauthenticated");
    }
    let key = ostler.admin().make_key(&["gateway:manage"]);
    key.press("/api/gateway/health/chat-service/check").is(200);
    key.get("/api/gateway/stats").problem(403, "forbidden");
}

#[test]
fn the_list_says_of_every_service_what_it_is_and_how_it_does() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.get("/api/gateway/services").is(200).has("/items", json!([])).has("/nextCursor", Value::Null);
    admin.post("/api/gateway/services", chat()).is(201);
    let list = admin.get("/api/gateway/services").is(200);
    assert_eq!(list.list("/items").len(), 1);
    let list = list.has("/items/0/name", "chat-service").has("/items/0/stats/inFlight", 0);
    assert!(list.at("/items/0/stats/instances/0/breaker").is_object() && list.at("/items/0/createdAt").is_string());
    assert!(
        list.at("/items/0/health/instances/0/history").is_array() && list.number("/items/0/instances/0/weight") > 0
    );
}

#[test]
fn a_change_of_an_instance_that_cannot_be_is_refused() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.post("/api/gateway/services", chat()).is(201);
    let path = "/api/gateway/services/chat-service/instances";
    let change = |more: Value| {
        let mut change = json!({"host": "127.0.0.1", "port": 3007});
        change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        change
    };
    admin.put(path, change(json!({"port": 3009}))).problem(404, "instance_not_found");
    admin.put("/api/gateway/services/none/instances", change(json!({}))).problem(404, "service_not_found");
    for (more, pointer) in [
        (json!({"weight": 1001}), "/weight"),
        (json!({"draining": "yes"}), "/draining"),
        (json!({"port": 0.5}), "/port"),
        (json!({"healthy": true}), "/healthy"),
    ] {
        admin.put(path, change(more)).problem(422, "validation_failed").has("/errors/0/pointer", pointer);
    }
    ostler.user("developer").put(path, change(json!({"draining": true}))).problem(403, "forbidden");
    admin.get("/api/gateway/services").is(200).has("/items/0/instances/0/draining", false);
}

#[test]
fn a_service_that_is_not_there_is_not_found() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.get("/api/gateway/services/none").problem(404, "service_not_found");
    admin.delete("/api/gateway/services/none").problem(404, "service_not_found");
    admin.get("/api/gateway/health/none").problem(404, "service_not_found");
    admin.press("/api/gateway/health/none/check").problem(404, "service_not_found");
    admin.get("/api/gateway/nothing").problem(404, "not_found");
}

#[test]
fn settings_of_the_gateway_are_what_services_follow() {
    let ostler = Ostler::with(&[
        ("GATEWAY_HEALTH_CHECK_INTERVAL", "1234"),
        ("GATEWAY_TIMEOUT_MS", "5678"),
        ("GATEWAY_LOAD_BALANCING", "least-connections"),
    ]);
    let admin = ostler.admin();
    let config = admin.get("/api/gateway/config").is(200);
    config.has("/healthCheckInterval", 1234).has("/timeout", 5678).has("/loadBalancing", "least-connections");
    admin.post("/api/gateway/services", chat()).is(201).lacks("/loadBalancing");
    admin.get("/api/gateway/stats").is(200).has("/services/0/loadBalancing", "least-connections");
    admin.post("/api/gateway/services", with(&chat(), "loadBalancing", json!("weighted"))).is(200);
    admin.get("/api/gateway/stats").is(200).has("/services/0/loadBalancing", "weighted");
}

#[test]
fn requests_are_shared_out_by_weight_and_evenly_without() {
    let (ostler, instances) = (Ostler::spawn(), Instances::start(3));
    let admin = ostler.admin();
    for (strategy, weights, expected) in
        [("round-robin", [1, 2, 3], [20, 20, 20]), ("weighted", [1, 2, 3], [10, 20, 30])]
    {
        let mut body = instances.service("shop", json!({"loadBalancing": strategy}));
        for (instance, weight) in weights.into_iter().enumerate() {
            body["instances"][instance]["weight"] = json!(weight);
        }
        admin.post("/api/gateway/services", body).is(201);
        for _ in 0..60 {
            ostler.anonymous().get("/shop/x").is(200);
        }
        let stats = admin.get("/api/gateway/stats").is(200);
        let counted: Vec<_> = (0..3).map(|n| stats.number(&format!("/services/0/instances/{n}/requests"))).collect();
        assert_eq!(counted, expected, "{strategy}");
        assert!(stats.at("/services/0/latency/p99").as_f64() >= stats.at("/services/0/latency/p50").as_f64());
        admin.delete("/api/gateway/services/shop").is(204);
    }
}

#[test]
fn a_part_that_is_switched_off_says_so() {
    let gateway = Ostler::with(&[("OSTLER_SERVE", "gateway")]);
    let off = gateway.admin().get("/api/mcp").problem(404, "not_found");
    assert!(off.string("/detail").contains("OSTLER_SERVE"), "{off:?}");
    gateway.admin().post("/api/gateway/services", with(&chat(), "basePath", json!("/api/mcp"))).is(201);
    gateway.admin().post("/api/gateway/services", with(&chat(), "basePath", json!("/api/auth"))).is(409);

    let mcp = Ostler::with(&[("OSTLER_SERVE", "mcp")]);
    let off = mcp.admin().get("/api/gateway/stats").problem(404, "not_found");
    assert!(off.string("/detail").contains("OSTLER_SERVE"), "{off:?}");
    mcp.admin().get("/api/mcp").is(200);
}
