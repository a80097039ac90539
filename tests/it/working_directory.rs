//! The working directory of a server, where its owner names one.

use std::fs;

use crate::support::{processes::working_directory, *};

fn at(cwd: &str) -> Spec {
    fake("ok").named(cwd).set("cwd", json!(cwd))
}

#[track_caller]
fn attempt(server: &Server, kind: &str, target: &str) -> String {
    server.call("attempt", json!({"kind": kind, "target": target})).is(200).said()
}

#[test]
fn a_server_works_in_the_folder_that_its_owner_names_and_may_change_it() {
    let mut ostler = Ostler::spawn();
    let folder = ostler.setup.home.join("my app");
    fs::create_dir(&folder).unwrap();
    copy_program(&server::hostile_server(), &folder.join("hostile"));
    let cwd = folder.to_str().unwrap();
    let server = ostler.admin().running(at(cwd));
    assert_eq!(working_directory(server.pid()), folder);
    assert_eq!(attempt(&server, "make", "relative"), "done");
    let details = server.details().is(200);
    details.has("/server/cwd", cwd).has("/effectiveSandbox/paths", json!({"read": [], "write": [cwd]}));
    let start = ostler.admin().get(&format!("/api/audit?action=server.spawn&target={}", server.id)).is(200);
    assert!(start.text().contains(&format!("in {cwd} with")), "{start:?}");
    // A program is looked for there.
    let near = Spec::new("./hostile", json!(["ok"])).named("near").set("cwd", json!(cwd));
    assert_eq!(working_directory(ostler.admin().running(near).pid()), folder);
    let free = ostler.admin().running(at(cwd).named("free").uncontained());
    assert_eq!(working_directory(free.pid()), folder);
    if crate::sandbox::has_bubblewrap() {
        let strict = ostler.admin().running(at(cwd).named("strict").set("sandbox", json!({"level": "strict"})));
        assert_eq!(attempt(&strict, "make", "relative"), "done");
    }
    ostler.kill();
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    server.start().is(200);
    assert_eq!(working_directory(server.pid()), folder);
    server.change(json!({"cwd": null})).is(200).has("/cwd", Value::Null);
    eventually("it works in a folder of its own", || {
        let pid = server.details().json.pointer("/runtimeStatus/pid").and_then(Value::as_u64)?;
        let now = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        now.starts_with(ostler.setup.servers_dir()).then_some(())
    });
}

#[test]
fn a_working_directory_that_is_not_there_is_named_and_not_made() {
    let ostler = Ostler::spawn();
    let folder = ostler.setup.home.join("later");
    let cwd = folder.to_str().unwrap();
    for level in ["standard", "none"] {
        let server = ostler.admin().register(at(cwd).named(level).set("sandbox", json!({"level": level})));
        let answer = server.start().problem(500, "spawn_failed");
        // The tag in its path is the value of a variable as well, and so masked.
        let expected = "/later (`cwd`) cannot be entered: No such file or directory";
        assert!(answer.text().contains(expected), "{answer:?}");
        assert!(!folder.exists());
        fs::create_dir(&folder).unwrap();
        server.start().is(200);
        assert_eq!(working_directory(server.pid()), folder);
        assert_eq!(attempt(&server, "make", "relative"), "done");
        server.stop().is(200);
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_working_directory_is_an_absolute_path_outside_ostlers_own() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    for cwd in ["", "app", "~/app"] {
        admin.try_register(at(cwd).named("new")).is(422).has("/errors/0/pointer", "/cwd");
    }
    let data = ostler.setup.home.join("data/logs");
    let answer = admin.try_register(at(data.to_str().unwrap()).named("new")).is(422).has("/errors/0/pointer", "/cwd");
    assert!(answer.string("/errors/0/message").contains("Ostler's own"), "{answer:?}");
    let far = json!({"name": "far", "url": "https://a.example/mcp", "cwd": "/srv", "enabled": false});
    admin.post("/api/mcp", far).is(422).has("/errors/0/pointer", "/cwd");
}

#[test]
fn a_working_directory_is_for_those_who_may_write_any_command_line() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", &format!("{} ok", server::hostile_server().display()))]);
    let developer = ostler.user("developer");
    let folder = ostler.setup.home.join("app");
    fs::create_dir(&folder).unwrap();
    let cwd = folder.to_str().unwrap();
    let answer = developer.try_register(at(cwd)).problem(403, "command_not_allowed");
    assert!(answer.text().contains("cwd: "), "{answer:?}");
    let server = developer.running(fake("ok"));
    server.change(json!({"cwd": cwd})).problem(403, "command_not_allowed");
    // What a manager set stays.
    server.seen_by(&ostler.admin()).change(json!({"cwd": cwd})).is(200);
    server.change(json!({"name": "renamed", "cwd": cwd})).is(200).has("/cwd", cwd);
    server.change(json!({"cwd": null})).is(200).has("/cwd", Value::Null);
}

#[test]
fn configurations_of_clients_have_working_directories() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let entry = json!({"command": "./server", "args": ["../x"], "cwd": "${DIR}/app", "disabled": true});
    let body = json!({"config": {"mcpServers": {"app": entry}}, "variables": {"DIR": "/srv"}});
    let imported = admin.post("/api/mcp/import", body).is(200).has("/servers/0/action", "create");
    let imported = imported.has("/servers/0/server/cwd", "/srv/app");
    assert!(!imported.text().contains("notes"), "a relative path is looked for there: {imported:?}");
    for (format, section) in [("claude", "mcpServers"), ("vscode", "servers"), ("ostler", "mcpServers")] {
        let file = admin.get(&format!("/api/mcp/export?format={format}")).is(200);
        let file = file.has(&format!("/{section}/app/cwd"), "/srv/app");
        let again = admin.post("/api/mcp/import", json!({"config": file.at("")})).is(200);
        again.has("/servers/0/action", "skip");
    }
    let relative = json!({"config": {"mcpServers": {"near": {"command": "x", "cwd": "app"}}}});
    let refused = admin.post("/api/mcp/import", relative).is(200).has("/servers/0/action", "refuse");
    assert!(refused.string("/servers/0/problem").contains("/cwd"), "{refused:?}");
}
