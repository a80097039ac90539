//! What a share shows: what it names, and no more.

use crate::support::{events::Events, mcp::Modern, *};

/// A server of an owner who has called it, and somebody it is shared with.
struct Shared {
    ostler: Ostler,
    guest: Caller,
    server: Server,
    /// A call of the owner's.
    call: String,
}

impl Shared {
    fn new() -> Self {
        let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
        let (owner, guest) = (ostler.user("developer"), ostler.admin().make_user("guest", "developer"));
        let server = owner.running(fake("ok").set("tools", json!({"deny": ["hidden"]})));
        let call = server.call("say", json!({"text": "a private remark"})).is(200).string("/callId");
        eventually("it is written", || {
            owner.get(&server.path("/output")).is(200).text().contains("a private remark").then_some(())
        });
        Self { ostler, guest, server, call }
    }

    fn give(&self, permissions: &[&str]) {
        let share = json!({"userId": self.guest.id, "permissions": permissions});
        self.server.caller.post(&self.server.path("/shares"), share).any_of(&[200, 201]);
    }

    fn status(&self, path: &str) -> u16 {
        self.guest.get(path).status
    }
}

#[test]
fn a_share_shows_what_it_names_on_every_route() {
    let shared = Shared::new();
    let id = &shared.server.id;
    let of_server = |rest: &str| shared.server.path(rest);
    let of_owner = format!("/api/calls/{}", shared.call);
    // What is asked for, and how a share to read, to execute and to write is answered.
    let routes = [
        (of_server(""), [200, 200, 200]),
        (of_server("/tools"), [200, 200, 403]),
        (of_server("/logs"), [200, 200, 403]),
        (format!("/api/calls?serverId={id}"), [200, 200, 403]),
        (of_owner, [200, 404, 404]),
        (of_server("/output"), [200, 403, 403]),
        (of_server("/output?follow=false"), [200, 403, 403]),
        (of_server("/timeline"), [200, 403, 403]),
        (of_server("/usage"), [200, 403, 403]),
        (of_server("/shares"), [200, 403, 403]),
        (format!("/api/history/calls?serverId={id}"), [200, 403, 403]),
        (format!("/api/history/health?serverId={id}"), [200, 403, 403]),
    ];
    for (index, share) in ["mcp:read", "mcp:execute", "mcp:write"].into_iter().enumerate() {
        shared.give(&[share]);
        for (path, expected) in &routes {
            assert_eq!(shared.status(path), expected[index], "{share}: {path}");
        }
        let listed = shared.guest.get("/api/mcp").is(200);
        assert_eq!(listed.list("/items").len(), 1, "{share}");
    }
}

#[test]
fn a_share_to_execute_shows_what_it_takes_to_call_and_ones_own_calls() {
    let shared = Shared::new();
    shared.give(&["mcp:execute"]);
    let seen = shared.server.seen_by(&shared.guest);
    let details = seen.details().is(200).has("/server/name", "subject").has("/runtimeStatus/status", "running");
    let details = details.has("/server/command", "").has("/server/args", json!([])).has("/server/env", json!({}));
    assert!(!details.text().contains("hidden"), "nor which tools are denied: {details:?}");
    let own = seen.call("echo", json!({"message": "mine"})).is(200).string("/callId");
    let path = format!("/api/calls?serverId={}", shared.server.id);
    for list in [seen.path("/logs"), path] {
        let calls = shared.guest.get(&list).is(200).has("/items/0/id", own.as_str());
        assert_eq!(calls.list("/items").len(), 1, "{calls:?}");
    }
    shared.guest.get("/api/calls").is(200).has("/items", json!([]));
    let details = shared.guest.get(&format!("/api/calls/{own}")).is(200);
    assert!(details.list("/meanwhile").iter().all(|one| one["kind"] == "queued"), "{details:?}");
    let overview = shared.guest.get("/api/overview").is(200).has("/servers/total", 1);
    assert_eq!(overview.number("/calls/total"), 0);
    for path in [format!("/mcp/{}", shared.server.id), "/mcp".into()] {
        let client = Modern::new(&shared.guest, &path);
        let tools = client.send("tools/list", json!({})).is(200);
        assert!(tools.text().contains("echo"), "{path}");
    }
}

#[test]
fn a_share_to_write_shows_the_configuration_and_what_a_process_wrote_to_nobody() {
    let shared = Shared::new();
    shared.give(&["mcp:write"]);
    let seen = shared.server.seen_by(&shared.guest);
    let command = seen.details().is(200).string("/server/command");
    assert!(command.ends_with("hostile_server"), "{command}");
    seen.change(json!({"description": "by a friend"})).is(200);
    seen.call("echo", json!({})).problem(403, "forbidden");
    shared.server.change(json!({"args": ["crash-at-start"]})).is(200);
    let failed = seen.restart();
    assert!(failed.status >= 500 && !failed.text().contains("this is the last line"), "{failed:?}");
    let exit = eventually("it failed", || {
        let details = shared.server.details().is(200);
        (!details.at("/runtimeStatus/lastExit").is_null()).then_some(details)
    });
    seen.details()
        .is(200)
        .has("/runtimeStatus/lastExit/reason", exit.string("/runtimeStatus/lastExit/reason"))
        .has("/runtimeStatus/lastExit/stderr", json!([]));
}

#[test]
fn events_tell_no_more_than_the_share() {
    let shared = Shared::new();
    shared.give(&["mcp:execute"]);
    let seen = shared.server.seen_by(&shared.guest);
    let mut events = Events::open(shared.guest.ask("GET", "/api/events"));
    shared.server.call("echo", json!({"message": "not yours"})).is(200);
    let own = seen.call("echo", json!({"message": "mine"})).is(200).string("/callId");
    assert_eq!(events.next().unwrap().json()["id"], json!(own), "only what is one's own");
    processes::signal(shared.server.pid(), rustix::process::Signal::KILL);
    let state = events.find(|event| {
        assert_eq!(event.name, "server", "{event:?}");
        event.json()["runtimeStatus"]["lastExit"].is_object()
    });
    assert_eq!(state.json()["runtimeStatus"]["lastExit"]["stderr"], json!([]));
    assert!(shared.ostler.admin().get("/api/mcp/admin/all").is(200).text().contains("subject"));
}

#[test]
fn nobody_reads_what_a_process_of_somebody_else_alone_wrote() {
    let ostler = Ostler::spawn();
    let (admin, ada, bob) = (ostler.admin(), ostler.user("developer"), ostler.admin().make_user("bob", "executor"));
    let server = admin.running(fake("ok").set("isolation", json!("per-user")));
    for guest in [&ada, &bob] {
        let share = json!({"userId": guest.id, "permissions": ["mcp:read", "mcp:execute"]});
        admin.post(&server.path("/shares"), share).any_of(&[200, 201]);
    }
    let mut events = Events::open(bob.ask("GET", "/api/events"));
    let ada_sees = server.seen_by(&ada);
    ada_sees.call("say", json!({"text": "for ada alone"})).is(200);
    eventually("she reads it", || {
        ada.get(&server.path("/output")).is(200).text().contains("for ada alone").then_some(())
    });
    server.seen_by(&bob).call("say", json!({"text": "for bob alone"})).is(200);
    eventually("he reads his", || {
        bob.get(&server.path("/output")).is(200).text().contains("for bob alone").then_some(())
    });
    ada_sees.call("crash", json!({})).problem(503, "server_unavailable");
    let exit = events.find(|event| event.name == "exit").json();
    assert_eq!(exit["report"]["stderr"], json!([]), "{exit}");
    for other in [&bob, &admin] {
        for path in ["/output", "/timeline", ""] {
            let read = other.get(&server.path(path)).is(200).text();
            assert!(!read.contains("for ada alone") && !read.contains("crashing because"), "{path}: {read}");
        }
    }
    // What is only Ostler's word about it is there for all.
    eventually("the timeline says so", || {
        bob.get(&server.path("/timeline")).is(200).text().contains("crash").then_some(())
    });
}

#[test]
fn a_key_narrowed_to_managing_does_all_that_managing_is() {
    let ostler = Ostler::spawn();
    let key = ostler.admin().make_key(&["mcp:manage"]);
    let server = key.running(fake("ok"));
    for path in ["/api/mcp", "/api/mcp/health/check", "/api/mcp/export?format=ostler", "/api/calls", "/api/overview"] {
        key.get(path).is(200);
    }
    let file = json!({"config": {"mcpServers": {"x": {"command": "true", "disabled": true}}}});
    let imported = key.post("/api/mcp/import", file);
    assert_ne!(imported.status, 403, "{imported:?}");
    let tools = Modern::new(&key, "/mcp").send("tools/list", json!({})).is(200);
    assert!(tools.text().contains("subject__echo"), "{tools:?}");
    server.remove().is(204);
}
