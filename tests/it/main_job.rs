//! The main job: log in, register a server, start it, call its tools, read the log, stop it, remove it.

use crate::support::{self, backends::on_both_databases, setup::PROGRAM, *};

on_both_databases! {
    fn a_server_is_registered_started_called_and_read(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();

        let server = admin.register(fake("ok").named("first"));
        it_is_as_registered(&server);

        server.start().is(200).has("/runtimeStatus/status", "running");
        server.start().is(200).has("/runtimeStatus/status", "running");
        assert_eq!(server.health(), "HEALTHY");
        assert!(support::processes::alive(server.pid()));
        assert!(server.tool_names().contains(&"echo".to_owned()));

        a_call_is_answered_and_on_record(&server);
        server.call("say", json!({"text": "a word on standard error"})).is(200);
        eventually("its output shows the word", || server.output().contains("a word on standard error").then_some(()));
    }

    fn a_stopped_server_leaves_nothing_and_a_removed_one_is_not_there(setup: Setup) {
        let ostler = setup.spawn();
        let server = ostler.admin().running(fake("ok"));

        server.stop().is(200).has("/runtimeStatus/status", "stopped");
        server.stop().is(200).has("/runtimeStatus/status", "stopped");
        assert_eq!(server.health(), "STOPPED");
        ostler.leaves_nothing();

        server.remove().is(204);
        server.details().problem(404, "server_not_found");
        server.start().problem(404, "server_not_found");
    }

    fn enabled_servers_come_back_with_ostler_and_the_others_stay_down(setup: Setup) {
        let mut ostler = setup.spawn();
        let admin = ostler.admin();
        let wanted = admin.register(fake("ok").enabled());
        let unwanted = admin.running(fake("ok"));
        wanted.becomes("running");
        wanted.call("echo", json!({"message": "before"})).is(200);

        ostler.kill();
        ostler.leaves_nothing();
        ostler.start_again();

        let admin = ostler.admin();
        let (wanted, unwanted) = (wanted.seen_by(&admin), unwanted.seen_by(&admin));
        wanted.becomes("running");
        assert_eq!(wanted.call("echo", json!({"message": "after"})).is(200).said(), "after");
        wanted.details().has("/server/totalCalls", 2).has("/server/healthStatus", "HEALTHY");
        assert_eq!(unwanted.status(), "stopped");
    }
}

fn it_is_as_registered(server: &Server) {
    server
        .details()
        .is(200)
        .has("/server/id", server.id.as_str())
        .has("/server/userId", server.caller.id.as_str())
        .has("/server/name", "first")
        .has("/server/args/0", "ok")
        .has("/server/enabled", false)
        .has("/server/healthStatus", "UNKNOWN")
        .has("/server/totalCalls", 0)
        .has("/stats/totalCalls", 0)
        .has("/stats/totalExecutionTime", 0)
        .has("/runtimeStatus/status", "stopped")
        .lacks("/server/lastUsedAt")
        .lacks("/runtimeStatus/pid");
}

fn a_call_is_answered_and_on_record(server: &Server) {
    let call = server.call("echo", json!({"message": "hello"})).is(200).has("/success", true);
    assert_eq!(call.said(), "hello");
    assert!(call.at("/executionTime").is_u64());
    server
        .logs()
        .has("/items/0/id", call.string("/callId"))
        .has("/items/0/serverId", server.id.as_str())
        .has("/items/0/toolName", "echo")
        .has("/items/0/parameters/message", "hello")
        .has("/items/0/response/content/0/text", "hello")
        .has("/items/0/success", true)
        .lacks("/items/0/errorMessage")
        .lacks("/nextCursor");
    let after = server.details().is(200).has("/server/totalCalls", 1).has("/stats/totalCalls", 1);
    assert!(after.at("/server/lastUsedAt").is_string());
}

#[test]
fn a_new_server_is_shown_where_it_was_made() {
    let ostler = Ostler::spawn();
    let answer = ostler.admin().try_register(fake("ok")).is(201);
    let place = answer.header("location").expect("a Location").to_owned();
    let id = ostler.admin().get(&place).is(200).string("/server/id");
    assert_eq!(place, format!("/api/mcp/{id}"));
    assert_eq!(ostler.admin().get("/api/mcp").is(200).list("/items").len(), 1);
}

#[test]
fn an_enabled_server_starts_as_soon_as_it_is_registered() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok").enabled());
    assert_eq!(server.call("echo", json!({"message": "at once"})).is(200).said(), "at once");
    assert_eq!(server.status(), "running");
}

#[test]
fn the_first_password_is_in_its_file_and_in_no_log() {
    let mut ostler = Setup::new().without("OSTLER_ADMIN_PASSWORD").spawn();
    let kept = std::fs::read_to_string(ostler.setup.home.join("data/first-admin.txt")).unwrap();
    let password = kept.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    eventually("it says where the password is", || ostler.errors().contains("is in first-admin.txt").then_some(()));
    ostler.anonymous().log_in("admin@localhost", password);
    ostler.kill();
    ostler.start_again();
    ostler.anonymous().log_in("admin@localhost", password);
    assert!(!ostler.errors().contains(password), "it is in the log");
}

#[test]
fn a_tool_that_fails_says_why_and_is_on_record() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));

    let failed = server.call("fail", json!({})).problem(400, "tool_execution_failed");
    assert!(failed.text().contains("it was meant to fail"), "{failed:?}");
    let unknown = server.call("no-such-tool", json!({})).problem(400, "tool_execution_failed");
    assert!(unknown.text().contains("no-such-tool"), "{unknown:?}");

    let logs = server.logs().has("/items/0/success", false).has("/items/1/success", false);
    assert!(logs.string("/items/1/errorMessage").contains("it was meant to fail"));
    let failures = ostler.admin().get(&server.path("/logs?success=false&toolName=fail")).is(200);
    assert_eq!(failures.list("/items").len(), 1);
    assert_eq!(ostler.admin().get(&server.path("/logs?success=true")).is(200).list("/items").len(), 0);
}

#[test]
fn a_stopped_server_cannot_be_called_and_says_so() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    server.call("echo", json!({})).problem(503, "server_unavailable");
    server.tools().problem(503, "server_unavailable");
}

#[test]
fn health_and_statistics_count_what_is_there() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let well = admin.running(fake("ok").named("well"));
    let down = admin.register(fake("ok").named("down"));
    well.call("echo", json!({"message": "x"})).is(200);
    well.call("fail", json!({})).is(400);

    let health = admin.get("/api/mcp/health/check").is(200);
    let health = health.has("/summary/total", 2).has("/summary/healthy", 1).has("/summary/unhealthy", 1);
    let of = |id: &str| health.list("/servers").iter().find(|server| server["id"] == id).unwrap().clone();
    assert_eq!((of(&well.id)["healthy"].clone(), of(&well.id)["status"].clone()), (json!(true), json!("HEALTHY")));
    assert_eq!((of(&down.id)["healthy"].clone(), of(&down.id)["name"].clone()), (json!(false), json!("down")));
    assert!(of(&well.id)["lastCheck"].is_string());

    let totals = admin.get("/api/mcp/admin/statistics").is(200);
    totals.has("/totalServers", 2).has("/totalCalls", 2).has("/totalErrors", 1).has("/byStatus/HEALTHY", 1);
    assert_eq!(admin.get("/api/mcp/admin/all").is(200).list("/items").len(), 2);
}

#[test]
fn a_first_try_needs_neither_node_nor_python() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(Spec::new(PROGRAM, json!(["demo-server"])));
    assert!(server.tool_names().contains(&"echo".to_owned()));
    let answer = server.call("echo", json!({"text": "it works"})).is(200);
    assert!(answer.said().contains("it works"));
}

#[test]
fn standard_error_can_be_followed_as_it_is_written() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let ask = ostler.admin().ask("GET", &server.path("/output?follow=true"));
    let mut events = support::events::Events::open(ask);
    server.call("say", json!({"text": "freshly written"})).is(200);
    events.find(|event| event.data.contains("freshly written"));
}
