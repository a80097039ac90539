//! Templates: a server with questions in it, which others answer, also those who could not write it; a change of it is
//! applied to its servers.

use std::{fs, process::Command};

use crate::support::{
    backends::on_both_databases,
    folder::Folder,
    processes::{alive, environment, tagged},
    setup::PROGRAM,
    *,
};

const TOKEN: &str = "tpl-live-5d0b7c31e9f24a";

/// A template of the demo server.
fn demo(tag: &str) -> Value {
    json!({
        "name": "demo", "description": "The demo of a team", "shared": true,
        "parameters": {
            "team": {"isRequired": true, "description": "Name of the team"},
            "token": {"isSecret": true},
            "memory": {"format": "number", "default": "512"},
        },
        "server": {
            "name": "Demo of {team}", "command": PROGRAM, "args": ["demo-server", "--era", "auto"],
            "env": {"TEST_TAG": tag, "TEAM": "{team}", "TOKEN": "{token}"},
            "limits": {"memoryMb": "{memory}"}, "sandbox": {"level": "none"}, "tools": {"deny": ["crash"]},
        },
    })
}

/// The path of a template that is made.
#[track_caller]
fn make(caller: &Caller, template: Value) -> String {
    let made = caller.post("/api/templates", template).is(201);
    let path = format!("/api/templates/{}", made.string("/id"));
    assert_eq!(made.header("location"), Some(path.as_str()));
    path
}

/// A server of it that runs.
#[track_caller]
fn add(caller: &Caller, template: &str, values: Value) -> Server {
    let made = caller.post(&format!("{template}/servers"), json!({"values": values})).is(201);
    let server = caller.server(&made.string("/server/id"));
    assert_eq!(made.header("location"), Some(server.path("").as_str()));
    server.becomes("running");
    server
}

on_both_databases! {
    fn everybody_makes_servers_of_a_shared_template_that_they_could_not_write(setup: Setup) {
        let mut ostler = setup.spawn();
        let (admin, tag) = (ostler.admin(), ostler.setup.tag.clone());
        let (developer, other) = (admin.make_user("dev", "developer"), admin.make_user("other", "developer"));
        let mut template = demo(&tag);
        template["shares"] = json!([{"userId": other.id, "permissions": ["mcp:read"]}]);
        let path = make(&admin, template);
        let listed = developer.get("/api/templates").is(200).has("/items/0/name", "demo");
        listed.has("/items/0/needs", json!(["team"])).has("/items/0/shared", true);
        let seen = developer.get(&path).is(200).has("/fields/0/name", "team").has("/servers", json!([]));
        seen.has("/template/server/args", json!(["demo-server", "--era", "auto"]));

        let servers = format!("{path}/servers");
        let values = json!({"team": "blue", "token": TOKEN});
        let foreseen = developer.post(&servers, json!({"values": values, "dryRun": true})).is(200);
        foreseen.has("/server", Value::Null).has("/start/args", json!(["demo-server", "--era", "auto"]));
        assert!(developer.get("/api/secrets").is(200).list("/items").is_empty(), "a dry run does nothing");
        let server = add(&developer, &path, values);
        let own = environment(server.pid());
        assert_eq!((own["TEAM"].as_str(), own["TOKEN"].as_str()), ("blue", TOKEN));
        let details = server.details().is(200).has("/server/name", "Demo of blue").has("/server/limits/memoryMb", 512);
        details.has("/server/env/TOKEN", "${secret:demo.token}").has("/server/tools/deny", json!(["crash"]));
        other.get(&server.path("")).is(200);
        assert!(other.get(&path).is(200).list("/servers").is_empty(), "only owners see the answers");
        let seen = developer.get(&path).is(200).has("/servers/0/id", server.id.clone());
        seen.has("/servers/0/values", json!({"team": "blue", "token": "${secret:demo.token}"}));
        let named = developer.post(&servers, json!({"name": "Mine", "values": {"team": "red", "memory": "64"}})).is(201);
        named.has("/server/name", "Mine").has("/server/limits/memoryMb", 64).has("/server/env/TEAM", "***");
        for shown in ["/api/templates", &path, "/api/mcp", "/api/audit"].map(|path| admin.get(path).is(200)) {
            assert!(!shown.text().contains(TOKEN), "{shown:?}");
        }
        assert!(tagged(&tag).iter().all(|process| !process.command.contains(TOKEN)));

        ostler.terminate();
        ostler.start_again();
        let developer = ostler.anonymous().log_in("dev@test.example", "correct-horse-dev-battery");
        assert_eq!(developer.get(&path).is(200).list("/servers").len(), 2);
        developer.server(&server.id).remove().is(204);
        assert_eq!(developer.get(&path).is(200).list("/servers").len(), 1);
        ostler.admin().delete(&path).is(204);
        developer.get(&path).problem(404, "template_not_found");
        assert_eq!(developer.get("/api/mcp").is(200).list("/items").len(), 1, "its servers stay");
    }

    fn a_changed_template_is_applied_to_its_servers_without_losing_a_call(setup: Setup) {
        let ostler = setup.spawn();
        let (admin, mut template) = (ostler.admin(), demo(&ostler.setup.tag));
        let path = make(&admin, template.clone());
        let developer = admin.make_user("dev", "developer");
        let first = add(&admin, &path, json!({"team": "blue"}));
        let second = add(&developer, &path, json!({"team": "red", "token": TOKEN}));
        let third = add(&admin, &path, json!({"team": "green"}));
        third.stop().is(200);
        first.change(json!({"name": "Renamed"})).is(200);
        template["server"]["env"]["LEVEL"] = json!("{level}");
        template["server"]["limits"] = json!({"memoryMb": 1024});
        template["parameters"]["level"] = json!({"default": "high"});
        template["parameters"].as_object_mut().unwrap().remove("memory");
        admin.put(&path, template).is(200);

        let roll = format!("{path}/roll");
        let foreseen = admin.post(&roll, json!({"dryRun": true})).is(200);
        assert_eq!(foreseen.list("/servers").len(), 3);
        let foreseen = foreseen.has("/servers/0/action", "update").has("/servers/0/name", "Renamed");
        let fields = foreseen.list("/servers/0/changes").iter().map(|change| change["field"].clone());
        assert_eq!(fields.collect::<Vec<_>>(), ["env", "limits"]);
        foreseen.has("/servers/1/changes/0/after/LEVEL", "***").has("/servers/1/changes/1/before/memoryMb", 512);
        let before = first.pid();
        let busy = std::thread::spawn({
            let first = first.clone();
            move || first.call("sleep", json!({"ms": 1500})).is(200)
        });
        eventually("the call is there", || (first.details().number("/runtimeStatus/inFlight") > 0).then_some(()));
        let rolled = admin.post(&roll, json!({})).is(200);
        let actions: Vec<_> = rolled.list("/servers").iter().map(|server| server["action"].clone()).collect();
        assert_eq!(actions, ["update", "update", "update"], "{rolled:?}");
        busy.join().unwrap();
        assert_ne!(first.pid(), before);
        assert_eq!(environment(first.pid())["LEVEL"], "high");
        first.details().has("/server/name", "Renamed").has("/server/limits/memoryMb", 1024);
        let second_env = environment(second.pid());
        assert_eq!((second_env["LEVEL"].as_str(), second_env["TOKEN"].as_str()), ("high", TOKEN));
        assert_eq!(third.status(), "stopped");
        third.start().is(200);
        assert_eq!(environment(third.pid())["LEVEL"], "high");
        let again = admin.post(&roll, json!({})).is(200);
        assert!(again.list("/servers").iter().all(|server| server["action"] == "skip"), "{again:?}");
        let own = developer.post(&roll, json!({"dryRun": true})).is(200);
        assert_eq!(own.list("/servers").len(), 1, "one's own servers alone: {own:?}");
    }
}

#[test]
fn a_server_that_does_not_become_ready_stays_as_it_was_and_ends_the_roll() {
    let ostler = Ostler::spawn();
    let (admin, mut template) = (ostler.admin(), demo(&ostler.setup.tag));
    let path = make(&admin, template.clone());
    let first = add(&admin, &path, json!({"team": "blue"}));
    let second = add(&admin, &path, json!({"team": "red"}));
    let pids = (first.pid(), second.pid());
    template["server"]["args"] = json!(["demo-server", "--era", "tomorrow"]);
    admin.put(&path, template).is(200);
    let rolled = admin.post(&format!("{path}/roll"), json!({})).is(200);
    let rolled = rolled.has("/servers/0/action", "refuse").has("/servers/1/action", "wait");
    let problem = rolled.string("/servers/0/problem");
    assert!(problem.contains("was not changed by the template demo") && problem.contains("64"), "{problem}");
    assert_eq!((first.pid(), second.pid()), pids, "their processes go on");
    first.call("echo", json!({"message": "hi"})).is(200);
    first.details().has("/server/args", json!(["demo-server", "--era", "auto"]));
    let timeline = || admin.get(&first.path("/timeline?kinds=ostler")).is(200).text();
    eventually("its timeline says so", || timeline().contains("was not changed by the template demo").then_some(()));
    let entry = admin.get("/api/audit?action=template.roll").is(200).has("/items/0/outcome", "failure");
    entry.has("/items/0/target", first.id.clone());
    assert!(alive(pids.0) && alive(pids.1));
}

#[test]
fn a_template_of_ones_own_gives_no_right_and_one_of_everybody_only_what_it_says() {
    let ostler = Ostler::spawn();
    let (admin, tag) = (ostler.admin(), ostler.setup.tag.clone());
    let (developer, viewer) = (admin.make_user("dev", "developer"), admin.make_user("eve", "viewer"));
    let path = make(&admin, demo(&tag));
    let refused = developer.post("/api/templates", demo(&tag)).problem(403, "forbidden");
    assert!(refused.string("/detail").starts_with("shared: "), "{refused:?}");
    developer.put(&path, demo(&tag)).problem(403, "forbidden");
    developer.delete(&path).problem(403, "forbidden");
    let mut own = demo(&tag);
    own["shared"] = json!(false);
    own["server"].as_object_mut().unwrap().remove("sandbox");
    viewer.post("/api/templates", own.clone()).problem(403, "forbidden");
    let own = make(&developer, own);
    admin.get(&own).problem(404, "template_not_found");
    let full = |team: &str| json!({"values": {"team": team}});
    developer.post(&format!("{own}/servers"), full("blue")).problem(403, "command_not_allowed");

    let servers = format!("{path}/servers");
    viewer.post(&servers, full("blue")).problem(403, "forbidden");
    for team in ["/etc", "../blue"] {
        let refused = developer.post(&servers, full(team)).problem(422, "validation_failed");
        refused.has("/errors/0/pointer", "/values/team");
    }
    developer.post(&servers, full("${env:HOME}")).problem(403, "forbidden");
    let unknown = json!({"values": {"team": "blue", "tema": "x"}});
    let unknown = developer.post(&servers, unknown).problem(422, "validation_failed");
    unknown.has("/errors/0/pointer", "/values/tema");
    let secret = json!({"values": {"team": "blue", "token": "${env:HOME}"}});
    developer.post(&servers, secret).problem(403, "forbidden");
    let server = add(&developer, &path, json!({"team": "blue"}));
    server.change(json!({"args": ["demo-server", "--era", "legacy"]})).problem(403, "command_not_allowed");
    let env = |team: &str| json!({"env": {"TEST_TAG": "***", "TEAM": team}, "description": "Mine"});
    server.change(env("../red")).problem(403, "command_not_allowed");
    server.change(env("***")).is(200);

    let mut wrong = demo(&tag);
    wrong["server"]["comand"] = json!("x");
    let wrong = admin.post("/api/templates", wrong).problem(422, "validation_failed");
    wrong.has("/errors/0/pointer", "/server/comand");
    admin.post("/api/templates", demo(&tag)).problem(409, "conflict");
    admin.delete(&format!("/api/auth/users/{}", developer.id)).is(204);
    admin.get(&path).is(200).has("/servers", json!([]));
}

#[test]
fn an_answer_becomes_no_reference_when_a_changed_template_is_applied() {
    let ostler = Ostler::spawn();
    let (admin, mut template) = (ostler.admin(), demo(&ostler.setup.tag));
    template["server"]["env"].as_object_mut().unwrap().remove("TEAM");
    let path = make(&admin, template.clone());
    let developer = admin.make_user("dev", "developer");
    let server = add(&developer, &path, json!({"team": "${env:HOME}"}));
    template["server"]["env"]["TEAM"] = json!("{team}");
    admin.put(&path, template).is(200);
    let rolled = admin.post(&format!("{path}/roll"), json!({})).is(200).has("/servers/0/action", "refuse");
    assert!(rolled.string("/servers/0/problem").starts_with("env.TEAM: ${env:HOME} in an answer"), "{rolled:?}");
    server.details().is(200).lacks("/server/env/TEAM");
}

/// Runs the program as a user does.
fn run(caller: &Caller, folder: &Folder, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("OSTLER_API_KEY", caller.token.as_deref().unwrap()).env("token", TOKEN);
    command.env("OSTLER_URL", format!("http://{}", caller.address)).current_dir(folder.path());
    let ran = command.args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn templates_are_used_from_the_terminal() {
    let ostler = Ostler::spawn();
    let (admin, folder, mut template) = (ostler.admin(), Folder::new(), demo(&ostler.setup.tag));
    let run = |words: &[&str]| run(&admin, &folder, words);
    let write = |template: &Value| fs::write(folder.path().join("demo.json"), template.to_string()).unwrap();
    write(&template);
    assert_eq!(run(&["templates", "import", "demo.json"]), (0, "added   demo\n".into(), String::new()));
    let (code, out, err) = run(&["templates"]);
    assert_eq!((code, out.as_str()), (0, "demo  The demo of a team (needs team)\n"), "{err}");
    let (code, out, err) = run(&["add", "--template", "demo", "team=blue"]);
    assert!(
        code == 0 && out.starts_with("added   Demo of blue: http://") && out.contains("secret  demo."),
        "{out}{err}"
    );
    let listed = admin.get("/api/mcp").is(200);
    let server = admin.server(&listed.string("/items/0/id"));
    server.becomes("running");
    assert_eq!(environment(server.pid())["TOKEN"], TOKEN);
    let (code, out, err) = run(&["templates", "show", "demo"]);
    assert!(code == 0 && out.contains("asks    team (required): Name of the team\n"), "{out}{err}");
    assert!(out.ends_with("server  Demo of blue\n"), "{out}");
    let (code, out, _) = run(&["templates", "export", "demo"]);
    let exported: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &exported["server"]), (0, &template["server"]));

    template["server"]["limits"] = json!({"memoryMb": "{memory}", "openFiles": 512});
    write(&template);
    assert_eq!(run(&["templates", "import", "demo.json"]), (0, "changed demo\n".into(), String::new()));
    let (code, out, _) = run(&["templates", "roll", "demo", "--dry-run"]);
    assert!(code == 0 && out.starts_with("update  Demo of blue\n        limits {"), "{out}");
    assert_eq!(run(&["templates", "roll", "demo"]).0, 0);
    server.details().has("/server/limits/openFiles", 512);
    assert_eq!(run(&["templates", "roll", "demo"]).1, "skip    Demo of blue\n");
    let (code, _, err) = run(&["add", "--template", "demo", "blue"]);
    assert!(code == 64 && err.contains("KEY=VALUE"), "{err}");
    let (code, _, err) = run(&["add", "--template", "demos", "team=blue"]);
    assert!(code == 1 && err.contains("there are [\"demo\"]"), "{err}");
    assert_eq!(run(&["templates", "remove", "demo"]).0, 0);
    assert_eq!(run(&["templates"]), (0, String::new(), String::new()));
}
