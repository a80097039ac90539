//! Servers from and to the configurations of MCP clients, over the API and by `ostler import` and `ostler export`.

use std::{fs, process::Command};

use crate::support::{folder::Folder, setup::PROGRAM, *};

fn actions(answer: &Answer) -> Vec<(String, String)> {
    let text = |one: &Value, what: &str| one[what].as_str().unwrap().to_owned();
    answer.list("/servers").iter().map(|one| (text(one, "name"), text(one, "action"))).collect()
}

fn said(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, action)| ((*name).to_owned(), (*action).to_owned())).collect()
}

const FILE: &str = r#"{
    // of a colleague
    "mcpServers": {
        "files": {"command": "true", "args": ["${DIR:-/srv}"], "env": {"API_KEY": "${env:KEY}"}, "disabled": true},
        "far": {"type": "http", "url": "https://a.example/mcp", "headers": {"X-Key": "${KEY}"}, "disabled": true},
        "asks": {"command": "true", "env": {"A": "${input:a}"}},
    },
}"#;

#[test]
fn a_clients_configuration_is_taken_over_and_again_changes_nothing() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let import = |dry: bool| {
        let body = json!({"config": FILE, "variables": {"KEY": "s3cret-value"}, "dryRun": dry});
        admin.post("/api/mcp/import", body).is(200)
    };
    let new = said(&[("files", "create"), ("far", "create"), ("asks", "refuse")]);
    assert_eq!(actions(&import(true)), new);
    assert!(admin.get("/api/mcp").is(200).list("/items").is_empty(), "a dry run does nothing");
    let done = import(false);
    assert_eq!(actions(&done), new);
    done.has("/servers/0/server/env/API_KEY", "***").has("/servers/1/server/headers/X-Key", "***");
    assert!(import(true).string("/servers/2/problem").contains("${A}"));
    for dry in [true, false] {
        assert_eq!(actions(&import(dry)), said(&[("files", "skip"), ("far", "skip"), ("asks", "refuse")]));
    }
    let changed = json!({"config": {"servers": {"files": {"command": "true", "args": ["/home"], "timeout": 5}}}});
    let answer = admin.post("/api/mcp/import", changed).is(200);
    assert_eq!(actions(&answer), said(&[("files", "update")]));
    answer.has("/servers/0/ignored", json!(["timeout"])).has("/servers/0/server/args", json!(["/home"]));
    assert_eq!(admin.get("/api/mcp").is(200).list("/items").len(), 2);
}

#[test]
fn a_dry_run_shows_the_exact_program_before_the_first_start() {
    let ostler = Ostler::spawn();
    let sandbox =
        json!({"level": "strict", "paths": {"read": ["/srv"], "write": []}, "unixSockets": false, "network": "none"});
    let files =
        json!({"command": "sh", "args": ["/opt/x.sh", "--flag"], "env": {"KEY": "s3cret-value"}, "sandbox": sandbox});
    let missing = json!({"command": "no-such-program"});
    let far = json!({"url": "https://example.com/mcp"});
    let config = json!({"mcpServers": {"far": far, "files": files, "missing": missing}});
    let import = |dry: bool| ostler.admin().post("/api/mcp/import", json!({"config": config, "dryRun": dry})).is(200);
    let foreseen = import(true);
    let of = |name: &str| foreseen.list("/servers").iter().find(|one| one["name"] == name).unwrap()["start"].clone();
    let start = of("files");
    let program = std::path::Path::new("/bin/sh").canonicalize().unwrap();
    assert_eq!(start["program"], program.to_str().unwrap());
    assert_eq!((&start["args"], &start["sandbox"]), (&json!(["/opt/x.sh", "--flag"]), &sandbox));
    assert_eq!(start["folder"], ostler.setup.servers_dir().to_str().unwrap());
    let variables: Vec<_> = start["variables"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(variables.contains(&"KEY") && variables.contains(&"PATH") && !foreseen.text().contains("s3cret"));
    assert_eq!((&of("missing")["program"], of("far")), (&Value::Null, Value::Null));
    assert!(import(false).list("/servers").iter().all(|one| one["start"].is_null()));
}

#[test]
fn a_dry_run_names_the_packages_that_a_launcher_would_fetch() {
    let ostler = Ostler::spawn();
    let config = json!({"mcpServers": {
        "files": {"command": "npx", "args": ["-y", "@x/files@^1.2", "/srv"]},
        "time": {"command": "/opt/uvx", "args": ["--from", "mcp[cli]", "--with=x<2", "mcp", "run"]},
        "other": {"command": "npx", "args": ["--registry=http://localhost", "x"]},
        "plain": {"command": "node", "args": ["npx"]},
    }});
    let foreseen = ostler.admin().post("/api/mcp/import", json!({"config": config, "dryRun": true})).is(200);
    let of = |name: &str| foreseen.list("/servers").iter().find(|one| one["name"] == name).unwrap()["start"].clone();
    let package =
        |name: &str, extras: &[&str], versions: &str| json!({"name": name, "extras": extras, "versions": versions});
    let files = json!({
        "registry": "npm", "packages": [package("@x/files", &[], "^1.2")], "program": null, "args": ["/srv"], "python": null,
    });
    let time = json!({
        "registry": "pypi", "packages": [package("mcp", &["cli"], ""), package("x", &[], "<2")],
        "program": "mcp", "args": ["run"], "python": null,
    });
    assert_eq!((&of("files")["package"], &of("time")["package"]), (&files, &time));
    assert_eq!(of("other")["unrecognized"], "--registry is not understood");
    assert_eq!((&of("other")["package"], &of("plain")["package"]), (&Value::Null, &Value::Null));
    assert_eq!(of("plain")["unrecognized"], Value::Null);
}

#[test]
fn importing_allows_nothing_that_registering_by_hand_does_not() {
    let ostler = Ostler::spawn();
    let body = json!({"config": {"mcpServers": {
        "run": {"command": "sh", "args": ["-c", "id"]}, "bad": {"command": "x", "env": {"LD_PRELOAD": "y"}},
        "far": {"url": "https://a.example/mcp", "disabled": true},
    }}});
    let developer = ostler.user("developer");
    let answer = developer.post("/api/mcp/import", body.clone()).is(200);
    assert_eq!(actions(&answer), said(&[("bad", "refuse"), ("far", "create"), ("run", "refuse")]));
    assert!(answer.string("/servers/0/problem").contains("/env/LD_PRELOAD"));
    assert!(answer.string("/servers/2/problem").contains("MCP_ALLOWED_COMMANDS"));
    ostler.user("viewer").post("/api/mcp/import", body).is(403);
    developer.post("/api/mcp/import", json!({"config": "{"})).is(422);
    developer.post("/api/mcp/import", json!({"config": {"mcp": {}}})).is(422);
}

#[test]
fn what_is_exported_holds_no_secret_and_is_imported_as_it_was() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.post("/api/mcp/import", json!({"config": FILE, "variables": {"KEY": "s3cret-value"}})).is(200);
    for format in ["claude", "cursor", "vscode", "ostler"] {
        let file = admin.get(&format!("/api/mcp/export?format={format}")).is(200);
        assert!(!file.text().contains("s3cret-value"));
        let variables = json!({"API_KEY": "s3cret-value", "X_KEY": "s3cret-value"});
        let again = admin.post("/api/mcp/import", json!({"config": file.at(""), "variables": variables})).is(200);
        assert_eq!(actions(&again), said(&[("far", "skip"), ("files", "skip")]), "{format}");
    }
    admin.get("/api/mcp/export?format=word").is(400);
    let other = ostler.user("developer").get("/api/mcp/export").is(200);
    assert_eq!(*other.at("/mcpServers"), json!({}), "others' servers are theirs");
}

#[test]
fn the_commands_do_the_same_with_the_variables_of_their_environment() {
    let ostler = Ostler::spawn();
    let key = ostler.admin().make_key(&["mcp:read", "mcp:write", "mcp:manage"]).token.unwrap();
    let folder = Folder::new();
    fs::write(folder.path().join("mcp.json"), FILE).unwrap();
    let place = format!("http://{}", ostler.address);
    let run = |words: &str| {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("OSTLER_API_KEY", &key).env("KEY", "s3cret-value").current_dir(folder.path());
        let ran = command.args(words.split_whitespace()).args(["--url", &place]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
    };
    let (code, out, err) = run("import mcp.json --dry-run");
    assert!(code == 1 && out.contains("create  files\n") && out.contains("refuse  asks: "), "{out}{err}");
    assert!(err.contains("nothing was changed") && err.contains("1 of 3"), "{err}");
    assert_eq!(run("import mcp.json").0, 1);
    assert!(run("import mcp.json").1.contains("skip    far\n"));
    let (code, out, err) = run("export --format cursor");
    assert_eq!(code, 0, "{err}");
    let file: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(file["mcpServers"]["files"]["env"]["API_KEY"], "${env:API_KEY}");
    assert_eq!(run("import none.json").0, 1);
    assert_eq!(run("export --format word").0, 64);
}
