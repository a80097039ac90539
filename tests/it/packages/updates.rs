//! Packages as one manages them: what is installed, other versions of it, the way to these and back.

use std::process::Command;

use super::*;
use crate::support::{
    registry::{PACKAGE, Registry},
    setup::PROGRAM,
};

fn witness() -> Spec {
    Spec::new("npx", json!(["-y", PACKAGE])).named("witness").enabled()
}

/// An Ostler whose server runs the first version, of two.
fn with_an_update() -> Option<(Registry, Ostler, Server)> {
    let (registry, ostler, server) = with_first_version(Setup::new(), "replace")?;
    registry.publish_version("2.0.0");
    Some((registry, ostler, server))
}

/// An Ostler whose server runs the only version, its launcher treated so.
fn with_first_version(setup: Setup, launcher: &str) -> Option<(Registry, Ostler, Server)> {
    has_program("npx")?;
    let registry = Registry::start(&setup);
    registry.publish_version("1.0.0");
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(witness().set("launcher", json!(launcher)));
    runs(&server);
    assert_eq!(version(&server), "1.0.0");
    Some((registry, ostler, server))
}

#[track_caller]
fn version(server: &Server) -> String {
    server.call("same", json!({})).is(200).said()
}

fn update(server: &Server, body: Value) -> Answer {
    server.caller.post(&server.path("/package/update"), body)
}

fn waiting(server: &Server) -> Vec<String> {
    let changes = server.caller.get(&server.path("/tools/changes")).is(200);
    changes.list("/items").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn notes(server: &Server) -> String {
    server.caller.get(&server.path("/timeline?limit=100")).is(200).text()
}

#[test]
fn a_server_says_what_becomes_of_its_launcher() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let npx = |args: Value| Spec::new("npx", args);
    let of = |server: &Server| server.details().is(200).at("/package").clone();
    let kept = admin.register(npx(json!(["-y", "x"])));
    let shown = of(&kept);
    let usual = json!("replace");
    assert_eq!((&shown["launcher"], &shown["notice"], &shown["pinned"]), (&usual, &Value::Null, &Value::Null));
    assert_eq!(shown["wanted"]["packages"][0]["name"], "x");
    kept.change(json!({"launcher": "keep"})).is(200).has("/launcher", "keep");
    assert_eq!(of(&kept)["launcher"], "keep");
    kept.change(json!({"launcher": null})).is(200).has("/launcher", Value::Null);
    assert_eq!(of(&kept)["launcher"], "replace");
    kept.change(json!({"launcher": "keep"})).is(200);

    let other = admin.register(npx(json!(["--registry=http://x", "y"])).set("launcher", json!("replace")));
    assert_eq!(of(&other)["launcher"], "keep");
    assert!(of(&other)["notice"].as_str().unwrap().contains("--registry"), "{}", of(&other));
    let plain = admin.register(Spec::new("true", json!([])).set("launcher", json!("replace")));
    assert!(of(&plain)["notice"].as_str().unwrap().contains("no launcher"), "{}", of(&plain));
    assert_eq!(of(&admin.register(Spec::new("true", json!([])))), Value::Null);

    let refused = |spec: Spec| admin.try_register(spec).is(422).string("/errors/0/pointer");
    assert_eq!(refused(npx(json!(["x"])).set("launcher", json!("run"))), "/launcher");
    let far = json!({"name": "far", "url": "https://a.example/mcp", "launcher": "keep"});
    assert_eq!(admin.post("/api/mcp", far).is(422).string("/errors/0/pointer"), "/launcher");

    let exported = admin.get("/api/mcp/export?format=ostler").is(200).at("").clone();
    assert_eq!(exported["mcpServers"]["subject 2"]["launcher"], "replace", "{exported}");
    let config =
        json!({"mcpServers": {"new": {"command": "npx", "args": ["x"], "launcher": "replace", "disabled": true}}});
    let import = |dry: bool| admin.post("/api/mcp/import", json!({"config": config, "dryRun": dry})).is(200);
    import(true).has("/servers/0/start/launcher", "replace");
    import(false).has("/servers/0/server/launcher", "replace");
    kept.caller.get(&kept.path("/package/available")).problem(409, "conflict");
}

#[test]
fn what_is_installed_is_shown_to_those_who_may_see_its_servers() {
    let Some((_registry, ostler, server)) = with_an_update() else { return };
    let pinned = server.details().at("/package/pinned").clone();
    assert_eq!((&pinned["name"], &pinned["version"]), (&json!(PACKAGE), &json!("1.0.0")));
    assert!(pinned["bytes"].as_u64().unwrap() > 500 && pinned["pinnedAt"].is_string(), "{pinned}");
    assert_eq!((&pinned["dependencies"], &pinned["previousVersion"]), (&json!(0), &Value::Null));
    let listed = ostler.admin().get("/api/packages").is(200);
    let user = json!({"id": server.id, "name": "witness", "isPrevious": false});
    listed.has("/items/0/version", "1.0.0").has("/items/0/servers", json!([user]));
    let stranger = ostler.user("developer");
    stranger.get("/api/packages").is(200).has("/items", json!([]));
    update(&server.seen_by(&stranger), json!({})).is(404);
    let shares = json!({"userId": stranger.id, "permissions": ["mcp:execute"]});
    ostler.admin().post(&server.path("/shares"), shares).any_of(&[200, 201]);
    assert_eq!(*server.seen_by(&stranger).details().is(200).at("/package"), Value::Null);
    update(&server.seen_by(&stranger), json!({})).is(403);
}

#[test]
fn an_update_is_looked_at_accepted_and_taken_back_without_losing_a_call() {
    let Some((_registry, mut ostler, server)) = with_an_update() else { return };
    let available = server.caller.get(&server.path("/package/available")).is(200);
    available.has("/isOther", true).has("/version", "1.0.0").has("/available", "2.0.0");

    let pid = server.pid();
    let seen = update(&server, json!({"dryRun": true})).is(200).has("/isApplied", false);
    let named = |answer: &Answer| -> Vec<String> {
        answer.list("/tools").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&seen), ["only-in-2", "say"]);
    assert_eq!(*seen.at("/tools/1/differences/0/pointer"), "/description");
    assert_eq!(*seen.at("/removedTools"), json!(["only-in-1"]));
    assert_eq!((server.pid(), version(&server).as_str()), (pid, "1.0.0"), "nothing was changed");
    assert_eq!(waiting(&server), [""; 0]);
    update(&server, json!({"revision": "other"})).problem(409, "conflict");

    let slow = server.clone();
    let slow = std::thread::spawn(move || slow.call("same", json!({"ms": 3000})).is(200).said());
    eventually("the call is in flight", || (server.details().number("/runtimeStatus/inFlight") > 0).then_some(()));
    let done = update(&server, json!({"revision": seen.string("/revision")})).is(200).has("/isApplied", true);
    assert_eq!(version(&server), "2.0.0", "{done:?}");
    assert_eq!(slow.join().unwrap(), "1.0.0", "what was in flight ends where it began");
    assert_eq!(waiting(&server), [""; 0], "what was accepted does not wait");
    assert_eq!(server.tool_names().iter().filter(|name| *name == "only-in-2").count(), 1);
    server.details().has("/package/pinned/previousVersion", "1.0.0").has("/package/pinned/version", "2.0.0");
    let entry = ostler.admin().get("/api/audit?action=package.update").is(200);
    assert!(entry.string("/items/0/detail").contains("witness-server 1.0.0 → 2.0.0"), "{entry:?}");
    let tools = ostler.admin().get("/api/audit?action=tool.accept").is(200);
    assert_eq!(tools.list("/items").len(), 2);
    eventually("it is said", || notes(&server).contains("1.0.0 → 2.0.0").then_some(()));

    // Its installation stays, whatever is collected.
    ostler.terminate();
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    runs(&server);
    assert_eq!(version(&server), "2.0.0");
    let back = ostler.admin().press(&server.path("/package/rollback")).is(200);
    back.has("/version", "2.0.0").has("/available", "1.0.0");
    assert_eq!((version(&server).as_str(), waiting(&server).len()), ("1.0.0", 0));
    ostler.admin().press(&server.path("/package/rollback")).is(200);
    assert_eq!((version(&server).as_str(), waiting(&server).len()), ("2.0.0", 0));
}

#[test]
fn tools_that_nobody_looked_at_wait_after_an_update() {
    let Some((_registry, _ostler, server)) = with_an_update() else { return };
    server.caller.press(&server.path("/package/rollback")).problem(409, "conflict");
    update(&server, json!({})).is(200).has("/isApplied", true);
    assert_eq!(version(&server), "2.0.0");
    let waits = eventually("they wait", || Some(waiting(&server)).filter(|names| !names.is_empty()));
    assert_eq!(waits, ["only-in-2", "say"]);
    let again = update(&server, json!({})).is(200);
    again.has("/isOther", false).has("/packages", json!([]));
}

#[test]
fn a_version_that_does_not_become_ready_changes_nothing_and_says_why() {
    let Some((registry, ostler, server)) = with_an_update() else { return };
    registry.publish_version("3.0.0");
    let pid = server.pid();
    let refused = update(&server, json!({})).problem(500, "spawn_failed");
    let detail = refused.string("/detail");
    assert!(detail.contains("was not updated: with witness-server 3.0.0 it"), "{detail}");
    assert!(refused.text().contains("no such thing"), "{refused:?}");
    assert_eq!((server.pid(), version(&server).as_str()), (pid, "1.0.0"));
    server.details().has("/package/pinned/version", "1.0.0");
    let failures = ostler.admin().get("/api/audit?action=server.fail").is(200);
    failures.has("/items", json!([]));

    registry.withdraw();
    let refused = update(&server, json!({"dryRun": true})).problem(500, "spawn_failed");
    assert!(refused.string("/detail").contains("could not be resolved"), "{refused:?}");
    assert_eq!(version(&server), "1.0.0");
}

#[test]
fn a_version_that_no_longer_answers_what_was_called_is_not_moved_to_unless_somebody_accepts_it() {
    let Some((registry, _ostler, server)) = with_first_version(Setup::new(), "replace") else { return };
    registry.publish_version("1.2.0");
    let failed = json!([{"tool": "same", "failure": "1.2.0"}]);
    let seen = update(&server, json!({"dryRun": true})).is(200).has("/calls", failed).has("/tools", json!([]));
    let refused = update(&server, json!({})).problem(409, "conflict");
    assert!(refused.string("/detail").contains("its tool same, called as it was before, fails: 1.2.0"), "{refused:?}");
    assert_eq!(version(&server), "1.0.0");
    update(&server, json!({"revision": seen.string("/revision")})).is(200).has("/isApplied", true);
    server.call("same", json!({})).problem(400, "tool_execution_failed");
}

#[test]
fn a_server_that_follows_its_package_is_moved_to_what_lists_and_answers_the_same() {
    let setup = Setup::new().env("MCP_PACKAGE_UPDATE_INTERVAL", "300");
    let Some((registry, ostler, server)) = with_first_version(setup, "follow") else { return };
    registry.publish_version("1.1.0");
    eventually("it is moved", || (version(&server) == "1.1.0").then_some(()));
    let entry = ostler.admin().get("/api/audit?action=package.update").is(200);
    entry.has("/items/0/actor", "ostler").has("/items/0/outcome", "success");
    eventually("it is said", || notes(&server).contains("1.0.0 → 1.1.0, by Ostler").then_some(()));

    let held = |what: &str| {
        let reason = || server.details().at("/package")["held"]["reason"].as_str().map(str::to_owned);
        eventually("it says why it stays", || reason().filter(|reason| reason.contains(what)));
        assert_eq!(version(&server), "1.1.0");
    };
    registry.publish_version("1.2.0");
    held("with witness-server 1.2.0 its tool same, called as it was before, fails");
    registry.publish_version("2.0.0");
    held("with witness-server 2.0.0 tools are new, others or gone (only-in-2, say, only-in-1)");
    server.details().has("/package/held/available", "2.0.0").has("/package/pinned/version", "1.1.0");
    update(&server, json!({})).is(200).has("/isApplied", true);
    server.details().has("/package/held", Value::Null);
}

#[test]
fn the_commands_show_update_and_take_back() {
    let Some((_registry, ostler, server)) = with_an_update() else { return };
    let key = ostler.admin().make_key(&["mcp:read", "mcp:write"]).token.unwrap();
    let place = format!("http://{}", ostler.address);
    let run = |words: &str| {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("OSTLER_API_KEY", &key).args(words.split_whitespace()).args(["--url", &place]);
        let ran = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
    };
    let (code, out, err) = run("packages");
    assert!(code == 0 && out.contains("witness-server 1.0.0  1 MB  witness\n"), "{out}{err}");
    assert_eq!(run("outdated").1, "witness: witness-server 1.0.0 → 2.0.0\n");
    let (code, out, err) = run("update witness --dry-run");
    assert!(code == 0 && out.contains("tool say is another in /description\n"), "{out}{err}");
    assert!(out.contains("tool only-in-2 is new\n") && out.contains("tool only-in-1 is gone\n"), "{out}");
    assert!(out.contains("tool same, called as it was before, succeeds\n"), "{out}");
    let (_, revision) = err.trim().rsplit_once(' ').unwrap();
    let (code, out, err) = run(&format!("update witness --accept {revision}"));
    assert!(code == 0 && out.starts_with("witness: witness-server 1.0.0 → 2.0.0\n"), "{out}{err}");
    assert_eq!((version(&server).as_str(), waiting(&server).len()), ("2.0.0", 0));
    assert_eq!(run("outdated"), (0, String::new(), String::new()));
    assert_eq!(run("rollback witness").1, "witness: witness-server 2.0.0 → 1.0.0\n");
    assert!(run("packages").1.contains("witness (before)"));
    let (code, _, err) = run("update none");
    assert!(code == 1 && err.contains("no server \"none\""), "{err}");
    assert_eq!(run("update").0, 64);
}
