//! A gateway process in front of two MCP processes, each with a database of its own.

use crate::support::{Caller, Ostler, fake, instance::health_until, json, processes};

fn node(name: &str, ports: &[u16]) -> serde_json::Value {
    let places: Vec<_> = ports.iter().map(|port| json!({"host": "127.0.0.1", "port": port})).collect();
    json!({
        "name": name, "instances": places, "basePath": format!("/{name}"), "healthEndpoint": "/readyz",
        "authentication": false, "passCredentials": true, "stripPrefix": true,
        "healthCheck": {"interval": 250, "timeout": 2000},
    })
}

#[test]
fn a_gateway_stands_in_front_of_two_mcp_processes() {
    let mut nodes = [Ostler::with(&[("OSTLER_SERVE", "mcp")]), Ostler::with(&[("OSTLER_SERVE", "mcp")])];
    let gateway = Ostler::with(&[("OSTLER_SERVE", "gateway")]);
    let ports = nodes.each_ref().map(|node| node.address.port());
    let admin = gateway.admin();
    for body in [node("a", &ports[..1]), node("b", &ports[1..]), node("both", &ports)] {
        admin.post("/api/gateway/services", body).is(201);
    }

    for (prefix, node) in [("/a", &nodes[0]), ("/b", &nodes[1])] {
        let own = node.admin();
        let server = own.running(fake("ok"));
        // The node's own token, and the gateway's address.
        let caller = Caller { address: gateway.address, ..own.clone() };
        let path = |rest: &str| format!("{prefix}/api/mcp{rest}");
        caller.get(&path("")).is(200).has("/items/0/id", server.id.as_str());
        let call = json!({"toolName": "echo", "parameters": {"message": prefix}});
        assert_eq!(caller.post(&path(&format!("/{}/execute", server.id)), call).is(200).said(), prefix);
        gateway.anonymous().get(&path("")).problem(401, "unauthenticated");
    }

    for _ in 0..10 {
        gateway.anonymous().get("/both/livez").is(200);
    }
    let stats = admin.get("/api/gateway/stats").is(200);
    let both = stats.list("/services").iter().find(|service| service["name"] == "both").unwrap();
    assert_eq!([&both["instances"][0]["requests"], &both["instances"][1]["requests"]], [5, 5]);

    nodes[1].kill();
    for _ in 0..20 {
        gateway.anonymous().get("/both/livez").is(200);
    }
    health_until(&admin, "both", "one is ill", |answer| *answer.at("/status") == "degraded");
    assert!(processes::alive(gateway.pid()));
}
