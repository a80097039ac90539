//! Registering servers at an address, and what becomes of the secrets that are sent there.

use crate::support::{backends::on_both_databases, *};

const TOKEN: &str = "Bearer a-token-nobody-may-see";

fn far(url: &str) -> Value {
    json!({"name": "far", "url": url, "headers": {"Authorization": TOKEN, "X-Team": "hay"}, "enabled": false})
}

on_both_databases! {
    fn a_server_at_an_address_is_kept_and_its_headers_are_shown_masked(setup: Setup) {
        let mut ostler = setup.spawn();
        let created = ostler.admin().post("/api/mcp", far("https://example.com/mcp")).is(201);
        let created = created.has("/transport", "streamable-http").has("/url", "https://example.com/mcp");
        let created = created.has("/headers/Authorization", "***").has("/headers/X-Team", "***");
        let created = created.has("/command", "").has("/args", json!([])).has("/env", json!({})).has("/isolation", "shared");
        let server = ostler.admin().server(&created.string("/id"));
        server.change(json!({"headers": {"Authorization": "***", "X-New": "oats"}, "isolation": "per-user"})).is(200);
        ostler.terminate();
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        let kept = server.details().is(200).has("/server/url", "https://example.com/mcp");
        let kept = kept.has("/server/headers/X-New", "***").has("/server/isolation", "per-user");
        kept.lacks("/server/headers/X-Team");
    }
}

#[test]
fn headers_are_sealed_in_the_database() {
    let mut ostler = Ostler::spawn();
    ostler.admin().post("/api/mcp", far("https://example.com/mcp")).is(201);
    ostler.terminate();
    // What was written last may still stand in the log beside it.
    let file = ostler.setup.database_file();
    let log = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
    let bytes = [std::fs::read(file).unwrap(), log].concat();
    assert!(memchr::memmem::find(&bytes, b"example.com/mcp").is_some(), "the address is there");
    assert!(memchr::memmem::find(&bytes, b"a-token-nobody").is_none(), "a header is stored in clear");
}

#[test]
fn an_address_or_a_command_but_never_both_nor_neither() {
    let ostler = Ostler::spawn();
    let pointers = |body: Value| {
        let answer = ostler.admin().post("/api/mcp", body).problem(422, "validation_failed");
        answer.list("/errors").iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({"name": "a"})), ["/command"]);
    assert_eq!(pointers(json!({"name": "a", "command": "b", "url": "https://example.com"})), ["/command"]);
    assert_eq!(pointers(json!({"name": "a", "url": "ftp://example.com", "env": {"A": "b"}})), ["/url", "/env"]);
    assert_eq!(pointers(json!({"name": "a", "url": "https://a:b@example.com"})), ["/url"]);
    assert_eq!(pointers(json!({"name": "a", "url": "https://a", "transport": "stdio"})), ["/transport"]);
    let headers = json!({"Host": "x", "Mcp-Session-Id": "x", "a b": "x", "X": "a\nb"});
    let expected = ["/headers/Host", "/headers/Mcp-Session-Id", "/headers/X", "/headers/a b"];
    assert_eq!(pointers(json!({"name": "a", "url": "https://a", "headers": headers})), expected);
}

#[test]
fn an_address_needs_no_allowed_command_but_the_right_to_write() {
    let ostler = Ostler::spawn();
    ostler.user("developer").post("/api/mcp", far("https://example.com/mcp")).is(201);
    ostler.user("executor").post("/api/mcp", far("https://example.com/mcp")).problem(403, "forbidden");
    let own = ostler.admin().make_user("carol", "developer");
    let id = own.post("/api/mcp", far("https://example.com/mcp")).is(201).string("/id");
    own.server(&id).change(json!({"url": "https://example.org/mcp"})).is(200).has("/headers", json!({}));
    own.server(&id).change(json!({"command": "sh", "args": ["-c", "id"]})).problem(403, "command_not_allowed");
}

#[test]
fn an_address_that_can_never_be_reached_is_refused_at_once() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let refused = |answer: Answer| {
        let refused = answer.problem(422, "validation_failed").has("/errors/0/pointer", "/url");
        assert!(refused.text().contains("MCP_PRIVATE_ADDRESSES"), "{}", refused.text());
    };
    for url in ["http://127.0.0.1:9/mcp", "http://10.0.0.1/", "https://[::1]/mcp", "http://169.254.169.254/"] {
        refused(admin.post("/api/mcp", far(url)));
    }
    let server = admin.server(&admin.post("/api/mcp", far("https://example.com/mcp")).is(201).string("/id"));
    refused(server.change(json!({"url": "http://192.168.0.1/mcp"})));
    let config = json!({"mcpServers": {"near": {"url": "http://127.0.0.1:9/mcp"}}});
    for dry_run in [true, false] {
        let body = json!({"config": config, "dryRun": dry_run});
        let imported = admin.post("/api/mcp/import", body).is(200).has("/servers/0/action", "refuse");
        assert!(imported.string("/servers/0/problem").contains("MCP_PRIVATE_ADDRESSES"));
    }
    let lax = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")]);
    lax.admin().post("/api/mcp", far("http://127.0.0.1:9/mcp")).is(201);
    lax.admin().post("/api/mcp", far("http://169.254.169.254/")).is(422).has("/errors/0/pointer", "/url");
}
