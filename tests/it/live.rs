//! Watching what happens: who is told what, in which order, and how one resumes.

use crate::support::{events::Events, *};

fn watch(caller: &Caller) -> Events {
    Events::open(caller.ask("GET", "/api/events"))
}

fn resume(caller: &Caller, id: &str) -> Events {
    Events::open(caller.ask("GET", "/api/events").header("Last-Event-ID", id))
}

/// The next event of this name about this server.
#[track_caller]
fn about(events: &mut Events, name: &str, server: &Server) -> events::Event {
    let id = json!(server.id);
    let is_about = |data: &Value| ["/id", "/serverId"].iter().any(|at| data.pointer(at) == Some(&id));
    events.find(|event| event.name == name && is_about(&event.json()))
}

#[test]
fn a_server_is_seen_to_come_to_be_called_to_crash_and_to_go() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let mut events = watch(&admin);
    let server = admin.running(fake("ok"));
    assert_eq!(about(&mut events, "server", &server).json()["change"], "created");
    let ready = events.find(|event| event.name == "server" && event.json()["healthStatus"] == "HEALTHY").json();
    assert_eq!(ready["runtimeStatus"]["status"], "running");
    assert_eq!(ready["name"], "subject");
    server.call("echo", json!({"message": "x"})).is(200);
    let call = about(&mut events, "call", &server).json();
    assert_eq!((&call["toolName"], &call["success"]), (&json!("echo"), &json!(true)));
    assert_eq!(call["userId"], json!(admin.id));
    processes::signal(server.pid(), rustix::process::Signal::KILL);
    assert_eq!(about(&mut events, "exit", &server).json()["report"]["signal"], 9);
    assert_eq!(about(&mut events, "restart", &server).json()["attempt"], 1);
    server.change(json!({"description": "another"})).is(200);
    events.find(|event| event.name == "server" && event.json()["change"] == "updated");
    server.remove().any_of(&[200, 204]);
    let gone = events.find(|event| event.name == "server" && event.json()["change"] == "deleted").json();
    assert_eq!((&gone["id"], &gone["runtimeStatus"]), (&json!(server.id), &Value::Null));
}

#[test]
fn nobody_is_told_of_somebody_elses_servers() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let (one, other) = (ostler.user("developer"), ostler.admin().make_user("other", "developer"));
    let mut events = watch(&other);
    let hidden = one.running(fake("ok"));
    hidden.call("echo", json!({"message": "x"})).is(200);
    let own = other.register(fake("ok"));
    let first = events.next().unwrap();
    assert_eq!((first.name.as_str(), &first.json()["id"]), ("server", &json!(own.id)));
    let share = json!({"userId": other.id, "permissions": ["mcp:read"]});
    one.post(&hidden.path("/shares"), share).any_of(&[200, 201]);
    assert_eq!(about(&mut events, "server", &hidden).json()["change"], "created");
    hidden.call("echo", json!({"message": "x"})).is(200);
    about(&mut events, "call", &hidden);
    one.delete(&hidden.path(&format!("/shares/{}", other.id))).any_of(&[200, 204]);
    assert_eq!(about(&mut events, "server", &hidden).json()["change"], "deleted");
    hidden.call("echo", json!({"message": "x"})).is(200);
    own.change(json!({"description": "mine"})).is(200);
    assert_eq!(events.next().unwrap().json()["id"], json!(own.id));
    ostler.anonymous().get("/api/events").problem(401, "unauthenticated");
}

#[test]
fn who_was_away_is_told_what_they_missed_and_who_was_away_too_long_that_they_did() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let mut events = watch(&admin);
    let first = admin.register(fake("ok"));
    let seen = about(&mut events, "server", &first).id;
    drop(events);
    let second = admin.register(fake("ok").named("second"));
    let mut events = resume(&admin, &seen);
    let next = events.next().unwrap();
    assert_eq!((next.name.as_str(), &next.json()["id"]), ("server", &json!(second.id)));
    let gap = resume(&admin, "another-run-7").next().unwrap();
    assert_eq!((gap.name.as_str(), gap.json()), ("gap", json!({"missed": null})));
}

#[test]
fn many_calls_are_summed_up_and_none_is_lost_to_the_sums() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    let mut events = watch(&admin);
    let calls = 300;
    together(4, |_| (0..calls / 4).for_each(|_| drop(server.call("echo", json!({"message": "x"})).is(200))));
    let (mut told, mut single) = (0, 0);
    while told < calls {
        let event = events.find(|event| event.name.starts_with("call")).json();
        single += u64::from(event.get("count").is_none());
        told += event.get("count").map_or(1, |count| count.as_u64().unwrap());
    }
    assert_eq!(told, calls);
    assert!((1..calls).contains(&single), "{single} were told one by one");
}

#[test]
fn an_instance_that_turns_is_told_to_those_who_may_see_the_gateway() {
    let ostler = Ostler::spawn();
    let mut events = watch(&ostler.admin());
    let port = 9;
    let service = json!({"name": "shop", "basePath": "/shop", "instances": [{"host": "127.0.0.1", "port": port}]});
    ostler.admin().post("/api/gateway/services", service).is(201);
    let came = events.find(|event| event.name == "gateway").json();
    assert_eq!(came, json!({"service": "shop", "change": "registered"}));
    let turned = events.find(|event| event.name == "gateway").json();
    assert_eq!(turned, json!({"service": "shop", "change": "health", "instance": "127.0.0.1:9", "healthy": false}));
    let change = json!({"host": "127.0.0.1", "port": port, "draining": true});
    ostler.admin().put("/api/gateway/services/shop/instances", change).is(200);
    let changed = events.find(|event| event.name == "gateway").json();
    assert_eq!(changed, json!({"service": "shop", "change": "instance", "instance": "127.0.0.1:9"}));
    ostler.admin().delete("/api/gateway/services/shop").any_of(&[200, 204]);
    assert_eq!(events.find(|event| event.name == "gateway").json()["change"], "removed");
}

#[test]
fn the_stream_ends_when_ostler_stops() {
    let mut ostler = Ostler::spawn();
    let mut events = watch(&ostler.admin());
    assert!(ostler.terminate().success());
    assert_eq!(events.find_map(|event| (event.name == "call").then_some(())), None);
}
