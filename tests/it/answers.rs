//! Answers that the rest of the suite does not ask for. `support/contract.rs` holds every answer of the suite against
//! the description of the API.

use crate::support::*;

#[test]
fn what_is_described_as_required_is_answered_be_it_null() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.get("/api/audit/verify").is(200);
    admin.get("/api/audit").is(200);
    let config = json!({"mcpServers": {"good": {"command": "true"}, "bad": {"command": ""}}});
    for rehearsal in [true, false] {
        let imported = admin.post("/api/mcp/import", json!({"config": config, "dryRun": rehearsal})).is(200);
        assert_eq!(imported.list("/servers").len(), 2, "{imported:?}");
    }
}

#[test]
fn what_the_dashboard_reads_is_as_described() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    let service = json!({"name": "hay", "basePath": "/hay", "instances": [{"host": "127.0.0.1", "port": 1}]});
    admin.post("/api/gateway/services", service).is(201);
    for rest in ["", "/tools", "/usage", "/output", "/timeline", "/logs", "/shares"] {
        admin.get(&server.path(rest)).is(200);
    }
    for path in ["/readyz", "/livez", "/health", "/api/mcp", "/api/system", "/api/overview", "/api/auth/me"] {
        admin.get(path).is(200);
    }
    for path in ["/api/gateway/services", "/api/auth/users", "/api/auth/keys", "/api/calls", "/metrics"] {
        admin.get(path).is(200);
    }
}
