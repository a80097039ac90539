//! The catalogue: a server is picked by its name, its secret is pasted, and it runs.

mod published;
mod sources;

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{
    folder::Folder,
    processes::{environment, tagged},
    setup::PROGRAM,
    *,
};

const TOKEN: &str = "ghp-live-1c9a7e02b84d4f";
const VARIABLE: &str = "GITHUB_PERSONAL_ACCESS_TOKEN";
const INSTALL: &str = "/api/catalogue/github/install";

/// An Ostler whose `npx` runs the demo server, whichever package it is asked for.
pub fn with_npx_of_the_demo() -> Setup {
    let setup = Setup::new().env("MCP_SANDBOX", "none").env("MCP_LAUNCHERS", "keep");
    let folder = setup.home.join("bin");
    fs::create_dir_all(&folder).unwrap();
    let script = format!("#!/bin/sh\nexport TEST_TAG={}\nexec {PROGRAM} demo-server\n", setup.tag);
    fs::write(folder.join("npx"), script).unwrap();
    fs::set_permissions(folder.join("npx"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), setup.environment["PATH"]);
    setup.env("PATH", &path)
}

fn names(answer: &Answer) -> Vec<String> {
    answer.list("/items").iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn entries_are_found_by_words_and_category_and_say_what_they_ask() {
    let ostler = Ostler::spawn();
    let caller = ostler.admin();
    let all = names(&caller.get("/api/catalogue").is(200));
    assert!(all.len() >= 60, "{}", all.len());
    assert_eq!(names(&caller.get("/api/catalogue?search=GitHub%20issues").is(200))[0], "github");
    let web = names(&caller.get("/api/catalogue?category=web").is(200));
    assert!(web.contains(&"fetch".to_owned()) && web.len() < all.len(), "{web:?}");
    let entry = caller.get("/api/catalogue/github").is(200).has("/title", "GitHub").has("/registry", "npm");
    entry.has("/fields/0/name", VARIABLE).has("/fields/0/isSecret", true).has("/fields/0/isRequired", true);
    caller.get("/api/catalogue/nothing").problem(404, "catalogue_entry_not_found");
    caller.post("/api/catalogue/nothing/install", json!({})).problem(404, "catalogue_entry_not_found");
    Caller::anonymous(ostler.address, &ostler.setup.tag).get("/api/catalogue").is(401);
}

#[test]
fn a_pasted_token_reaches_the_server_as_a_secret_and_a_dry_run_shows_the_command_line() {
    let ostler = with_npx_of_the_demo().spawn();
    let admin = ostler.admin();
    let body = json!({"values": {VARIABLE: TOKEN}, "dryRun": true});
    let foreseen = admin.post(INSTALL, body).is(200).has("/server", Value::Null);
    let foreseen = foreseen.has("/start/args", json!(["-y", "@modelcontextprotocol/server-github@2025.4.8"]));
    assert!(foreseen.string("/start/program").ends_with("/bin/npx"), "{foreseen:?}");
    assert!(admin.get("/api/mcp").is(200).list("/items").is_empty());
    assert!(admin.get("/api/secrets").is(200).list("/items").is_empty(), "a dry run does nothing");

    let made = admin.post(INSTALL, json!({"values": {VARIABLE: TOKEN}})).is(201);
    let made = made.has("/server/name", "GitHub").has("/secrets", json!(["GitHub.GITHUB_PERSONAL_ACCESS_TOKEN"]));
    let made = made.has(&format!("/server/env/{VARIABLE}"), "${secret:GitHub.GITHUB_PERSONAL_ACCESS_TOKEN}");
    let server = admin.server(&made.string("/server/id"));
    assert_eq!(made.header("location"), Some(server.path("").as_str()));
    server.becomes("running");
    assert_eq!(environment(server.pid())[VARIABLE], TOKEN);
    server.call("echo", json!({"message": "hi"})).is(200);
    let other = admin.post(INSTALL, json!({"name": "GitHub", "values": {VARIABLE: "another"}})).is(201);
    other.has("/secrets", json!(["GitHub.GITHUB_PERSONAL_ACCESS_TOKEN-2"]));
    let paths = ["/api/mcp", "/api/secrets", "/api/audit", "/api/mcp/export?format=ostler"];
    for shown in paths.map(|path| admin.get(path).is(200)).into_iter().chain([server.details(), foreseen, made]) {
        assert!(!shown.text().contains(TOKEN), "{shown:?}");
    }
    assert!(tagged(&ostler.setup.tag).iter().all(|process| !process.command.contains(TOKEN)));
}

#[test]
fn answers_that_are_missing_or_unknown_are_named_and_nobody_gains_a_right_by_the_catalogue() {
    let ostler = with_npx_of_the_demo().spawn();
    let admin = ostler.admin();
    let missing = admin.post(INSTALL, json!({})).problem(422, "validation_failed");
    missing.has("/errors/0/pointer", format!("/values/{VARIABLE}"));
    let unknown =
        admin.post(INSTALL, json!({"values": {VARIABLE: TOKEN, "TOKEN": "x"}})).problem(422, "validation_failed");
    let unknown = unknown.has("/errors/0/pointer", "/values/TOKEN");
    assert!(unknown.string("/errors/0/message").contains(VARIABLE), "{unknown:?}");
    let relative = json!({"values": {"folder": "notes"}});
    let relative = admin.post("/api/catalogue/filesystem/install", relative).problem(422, "validation_failed");
    relative.has("/errors/0/pointer", "/values/folder");

    let full = json!({"values": {VARIABLE: TOKEN}});
    ostler.admin().make_user("eve", "viewer").post(INSTALL, full.clone()).problem(403, "forbidden");
    let developer = ostler.admin().make_user("dev", "developer");
    developer.post(INSTALL, full).problem(403, "command_not_allowed");
    assert!(developer.get("/api/secrets").is(200).list("/items").is_empty(), "a refused one leaves no secret");
}

/// Runs the program as a user does.
fn run(caller: &Caller, folder: &Folder, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("OSTLER_API_KEY", caller.token.as_deref().unwrap()).env(VARIABLE, TOKEN);
    command.env("OSTLER_URL", format!("http://{}", caller.address)).current_dir(folder.path());
    let ran = command.args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn servers_are_found_and_added_in_the_terminal() {
    let ostler = with_npx_of_the_demo().spawn();
    let (admin, folder) = (ostler.admin(), Folder::new());
    let run = |words: &[&str]| run(&admin, &folder, words);
    let (code, out, err) = run(&["catalogue", "github"]);
    assert!(code == 0 && out.starts_with("github "), "{out}{err}");
    assert!(out.lines().next().unwrap().ends_with(&format!("(needs {VARIABLE})")), "{out}");
    assert_eq!(run(&["catalogue", "no", "such"]).0, 1);

    let (code, out, err) = run(&["add", "--dry-run", "github"]);
    assert!(code == 0 && out.contains("/bin/npx -y @modelcontextprotocol/server-github@2025.4.8\n"), "{out}{err}");
    let (code, out, err) = run(&["add", "--name", "Mine", "github"]);
    assert!(code == 0 && out.contains("added   Mine: http://") && out.contains("secret  Mine."), "{out}{err}");
    let (code, _, err) = run(&["add", "sqlite", "folder=here"]);
    assert!(code == 1 && err.contains("/values/folder: must be an absolute path"), "{err}");
    for words in [&["add", "npx", "-y", "@some/package", "--flag"][..], &["add", "@some/other@1.0.0", "x"]] {
        let (code, out, err) = run(words);
        assert!(code == 0 && out.starts_with("added   "), "{out}{err}");
    }
    let (code, out, err) = run(&["add", "--dry-run", "uvx", "some"]);
    assert!(code == 0 && out.contains("would run"), "{out}{err}");
    let listed = admin.get("/api/mcp").is(200);
    let lines: Vec<_> = listed.list("/items").iter().map(|one| (one["name"].clone(), one["args"].clone())).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1], (json!("package"), json!(["-y", "@some/package", "--flag"])));
    assert_eq!(lines[2], (json!("other"), json!(["-y", "@some/other@1.0.0", "x"])));
}

#[test]
fn an_entry_of_a_registry_is_imported() {
    let ostler = with_npx_of_the_demo().spawn();
    let (admin, folder) = (ostler.admin(), Folder::new());
    let entry = json!({
        "name": "io.github.some/server", "description": "Of a registry", "version": "1.0.0",
        "packages": [{"registryType": "npm", "identifier": "@some/server", "version": "1.0.0",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": VARIABLE, "isRequired": true, "isSecret": true}]}],
    });
    let body = json!({"config": entry, "dryRun": true});
    let refused = admin.post("/api/mcp/import", body).is(200).has("/servers/0/action", "refuse");
    assert!(refused.string("/servers/0/problem").contains(&format!("{VARIABLE}: is missing")), "{refused:?}");
    fs::write(folder.path().join("server.json"), entry.to_string()).unwrap();
    let (code, out, err) = run(&admin, &folder, &["import", "server.json"]);
    assert!(code == 0 && out == "create  io.github.some/server\n", "{out}{err}");
    let listed = admin.get("/api/mcp").is(200).has("/items/0/args", json!(["-y", "@some/server@1.0.0"]));
    let server = admin.server(&listed.string("/items/0/id"));
    server.becomes("running");
    assert_eq!(environment(server.pid())[VARIABLE], TOKEN);
    assert!(!server.details().text().contains(TOKEN));
}
