//! Secrets outside of Ostler reach the servers that refer to them at each start, and nothing shows them.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use crate::support::{
    processes::{environment, tagged},
    upstream::{Then, Upstream},
    wire::Wire,
    *,
};

const OF_FILE: &str = "of-a-file-4f1c9a7e";
const OF_VARIABLE: &str = "of-a-variable-02b84d";
const OF_COMMAND: &str = "of-a-command-77e01c";
const OF_CREDENTIAL: &str = "of-a-credential-5d9b";

fn folder(setup: &Setup) -> PathBuf {
    setup.home.join("secrets")
}

/// Writes a file of secrets.
fn keep(setup: &Setup, name: &str, text: &str) -> String {
    fs::create_dir_all(folder(setup)).unwrap();
    let path = folder(setup).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Writes a program that prints a secret.
fn helper(setup: &Setup, name: &str, script: &str) -> String {
    let path = setup.home.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Allows a folder, a variable and a helper program that prints its argument, and has a credential.
fn with_sources() -> Setup {
    let setup = Setup::new();
    let credentials = setup.home.join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("token"), format!("{OF_CREDENTIAL}\n")).unwrap();
    let vault = helper(&setup, "vault", r#"printf 'of-%s-%s\n' "$1" "$2""#);
    let folder = folder(&setup).to_str().unwrap().to_owned();
    setup
        .env("OSTLER_SECRET_FOLDERS", &folder)
        .env("OSTLER_SECRET_VARIABLES", "GITHUB_TOKEN")
        .env("OSTLER_SECRET_COMMANDS", &format!("vault={vault} a, env=/usr/bin/env"))
        .env("GITHUB_TOKEN", OF_VARIABLE)
        .env("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())
}

#[test]
fn a_secret_of_each_kind_reaches_the_server_and_nothing_shows_it() {
    let setup = with_sources();
    let file = keep(&setup, "my token", &format!("{OF_FILE}\n"));
    let mut ostler = setup.spawn();
    let admin = ostler.admin();
    admin.put("/api/secrets/T", json!({"value": "${env:GITHUB_TOKEN}"})).is(201);
    let spec = fake("ok")
        .env("FILE", &format!("${{file:{file}}}"))
        .env("VARIABLE", "Bearer ${env:GITHUB_TOKEN}")
        .env("COMMAND", "${exec:vault command-77e01c}")
        .env("CREDENTIAL", "${credential:token}")
        .env("NAMED", "${secret:T}");
    let server = admin.running(spec);
    let seen = environment(server.pid());
    let (bearer, named) = (format!("Bearer {OF_VARIABLE}"), "${env:GITHUB_TOKEN}");
    for (name, value) in [
        ("FILE", OF_FILE),
        ("VARIABLE", &bearer),
        ("COMMAND", OF_COMMAND),
        ("CREDENTIAL", OF_CREDENTIAL),
        ("NAMED", named),
    ] {
        assert_eq!(seen[name], value);
    }
    let values = [OF_FILE, OF_VARIABLE, OF_COMMAND, OF_CREDENTIAL];
    server.call("say", json!({"text": format!("on standard error: {}", values.join(" "))})).is(200);
    server.call("echo", json!({"message": values.join(" ")})).is(200);
    eventually("it is on the timeline", || {
        admin.get(&server.path("/timeline")).is(200).text().contains("on standard error: *** ***").then_some(())
    });
    let details = server.details().is(200).has("/server/env/FILE", format!("${{file:{file}}}"));
    let paths = ["/timeline", "/output", "/usage"].map(|rest| server.path(rest));
    let others = ["/api/audit", "/api/mcp", "/api/mcp/export?format=ostler", "/api/calls", "/api/system"];
    let mut shown = vec![details.has("/server/env/VARIABLE", "***"), server.logs()];
    shown.extend(paths.iter().map(String::as_str).chain(others).map(|path| admin.get(path).is(200)));
    let commands: String = tagged(&ostler.setup.tag).into_iter().map(|process| process.command).collect();
    ostler.terminate();
    let database = fs::read(ostler.setup.database_file()).unwrap_or_default();
    for value in values {
        for answer in &shown {
            assert!(!answer.text().contains(value), "{answer:?}");
        }
        assert!(!commands.contains(value) && !ostler.errors().contains(value), "{value}");
        assert!(memchr::memmem::find(&database, value.as_bytes()).is_none(), "{value} is in the database");
    }
}

#[test]
fn another_value_counts_from_the_next_start_on_and_the_former_stays_masked() {
    let setup = with_sources();
    let file = keep(&setup, "token", OF_FILE);
    let ostler = setup.spawn();
    let spec = fake("ok").env("FILE", &format!("${{file:{file}}}")).env("WITH", &format!("${{file:{file}}}:x"));
    let server = ostler.admin().running(spec);
    keep(&ostler.setup, "token", "anew-0123456789\n");
    assert_eq!(environment(server.pid())["FILE"], OF_FILE);
    server.restart().is(200);
    let seen = environment(server.pid());
    assert_eq!((seen["FILE"].as_str(), seen["WITH"].as_str()), ("anew-0123456789", "anew-0123456789:x"));
    server.change(json!({"description": "another text makes the mask anew"})).is(200);
    server.call("say", json!({"text": format!("both: {OF_FILE} anew-0123456789")})).is(200);
    eventually("both are masked", || {
        ostler.admin().get(&server.path("/timeline")).is(200).text().contains("both: *** ***").then_some(())
    });
}

#[test]
fn what_cannot_be_had_is_named_with_its_place_and_the_server_starts_once_it_can() {
    let setup = with_sources().env("MCP_MAX_RETRIES", "1");
    let sealed = helper(&setup, "sealed", "echo of-no-use; echo 'the vault is sealed' >&2; exit 2");
    let ostler = setup.env("OSTLER_SECRET_COMMANDS", &format!("sealed={sealed}")).spawn();
    let file = folder(&ostler.setup).join("token");
    let spec = fake("ok").env("FILE", &format!("a ${{file:{}}}", file.display())).env("COMMAND", "${exec:sealed}");
    let server = ostler.admin().register(spec);
    let refusal = server.start();
    assert!(refusal.status >= 400, "{refusal:?}");
    eventually("both are named", || {
        // The name of its folder is the value of a variable, too.
        let text = server.details().is(200).text().replace("***", &ostler.setup.tag);
        let file = format!("env.FILE: ${{file:{}}} cannot be read: No such file or directory", file.display());
        let command =
            format!("env.COMMAND: ${{exec:sealed}} cannot be had: {sealed} exited with code 2: the vault is sealed");
        (text.contains(&file) && text.contains(&command) && !text.contains("of-no-use")).then_some(())
    });
    keep(&ostler.setup, "token", OF_FILE);
    helper(&ostler.setup, "sealed", "echo open-0123");
    server.start().is(200);
    let seen = environment(server.pid());
    assert_eq!((seen["FILE"].as_str(), seen["COMMAND"].as_str()), ("a of-a-file-4f1c9a7e", "open-0123"));
}

#[test]
fn a_helper_gets_none_of_ostlers_own_settings() {
    let ostler = with_sources().spawn();
    let server = ostler.admin().running(fake("ok").env("DUMP", "${exec:env}"));
    let dump = environment(server.pid())["DUMP"].clone();
    assert!(dump.contains("GITHUB_TOKEN=") && dump.contains("TEST_TAG="), "{dump}");
    assert!(!dump.contains("OSTLER_") && !dump.contains("DATABASE_URL"), "{dump}");
}

#[test]
fn what_the_operator_did_not_allow_is_refused_by_its_place_and_the_setting() {
    let ostler = Ostler::spawn();
    for (value, part) in [
        ("${file:/run/secrets/token}", "OSTLER_SECRET_FOLDERS"),
        ("Bearer ${env:GITHUB_TOKEN}", "OSTLER_SECRET_VARIABLES"),
        ("${env:OSTLER_SECRET_KEY}", "Ostler's own"),
        ("${exec:vault x}", "OSTLER_SECRET_COMMANDS"),
        ("${credential:token}", "LoadCredential="),
        ("${file:token}", "absolute path"),
        ("${exec:/bin/sh}", "name of a command"),
    ] {
        let refused = ostler.admin().try_register(fake("ok").env("TOKEN", value)).problem(422, "validation_failed");
        assert!(refused.has("/errors/0/pointer", "/env/TOKEN").text().contains(part), "{value}");
    }
    let open = ostler.admin().try_register(fake_with("ok", &["--token=${exec:vault x}"]));
    open.problem(422, "validation_failed").has("/errors/0/pointer", "/args/1");
    let far = json!({"name": "far", "url": "https://mcp.example.com", "headers": {"X-Key": "${env:A}"}});
    ostler.admin().post("/api/mcp", far).problem(422, "validation_failed").has("/errors/0/pointer", "/headers/X-Key");
}

#[test]
fn only_holders_of_mcp_manage_write_them_or_change_what_has_them() {
    let setup = with_sources().env("MCP_ALLOWED_COMMANDS", "*");
    let file = keep(&setup, "token", OF_FILE);
    let ostler = setup.spawn();
    let reference = format!("${{file:{file}}}");
    let ada = ostler.admin().make_user("ada", "developer");
    let refused = ada.try_register(fake("ok").env("TOKEN", &reference)).problem(403, "forbidden");
    assert!(refused.text().contains("env.TOKEN") && refused.text().contains("mcp:manage"), "{refused:?}");
    let hers = ada.running(fake("ok"));
    let env = |more: &str| json!({"TOKEN": reference, "TEST_TAG": ostler.setup.tag, "MORE": more});
    hers.change(json!({"env": env("x")})).problem(403, "forbidden");
    hers.seen_by(&ostler.admin()).change(json!({"env": env("x")})).is(200);
    eventually("it has the secret", || (environment(hers.pid()).get("TOKEN")? == OF_FILE).then_some(()));
    hers.change(json!({"description": "hers"})).is(200);
    hers.change(json!({"env": env("y")})).problem(403, "forbidden");
    hers.change(json!({"args": ["ok", "elsewhere"]})).problem(403, "forbidden");
    hers.change(json!({"env": {"TEST_TAG": ostler.setup.tag}})).is(200);
    hers.change(json!({"env": env("x")})).problem(403, "forbidden");
    ostler.admin().get("/api/audit?outcome=denied").is(200).has("/items/0/target", "/env/TOKEN");
    let import = json!({"mcpServers": {"imported": {"command": "npx", "env": {"TOKEN": reference}}}});
    let refused = ada.post("/api/mcp/import", json!({"config": import}));
    assert!(refused.text().contains("mcp:manage"), "{refused:?}");
}

#[test]
fn ostlers_own_files_are_no_secrets_of_servers_whatever_is_allowed() {
    let setup = Setup::new();
    let home = setup.home.to_str().unwrap().to_owned();
    let ostler = setup.env("OSTLER_SECRET_FOLDERS", &home).spawn();
    std::os::unix::fs::symlink(format!("{home}/data/secret.key"), format!("{home}/key")).unwrap();
    for file in ["data/secret.key", "data/ostler.db", "key"] {
        let name = file.replace('/', "-");
        let spec = fake("ok").env("KEY", &format!("${{file:{home}/{file}}}")).set("name", json!(name));
        let server = ostler.admin().register(spec);
        let refusal = server.start();
        assert!(refusal.status >= 400 && refusal.text().contains("Ostler's own files"), "{refusal:?}");
    }
}

#[test]
fn a_header_has_the_secret_of_the_moment_when_it_is_connected() {
    let upstream = Upstream::start(|_: &_, wire: &mut Wire| {
        wire.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        Then::Close
    });
    let setup = with_sources().env("MCP_PRIVATE_ADDRESSES", "true");
    let file = keep(&setup, "token", OF_FILE);
    let ostler = setup.spawn();
    let url = format!("http://127.0.0.1:{}/mcp", upstream.port());
    let headers = json!({"Authorization": format!("Bearer ${{file:{file}}}")});
    let far = ostler.admin().post("/api/mcp", json!({"name": "far", "url": url, "headers": headers})).is(201);
    let sent = |value: &str| {
        let header = format!("Bearer {value}");
        upstream.seen().iter().any(|seen| seen.header("authorization") == Some(&header))
    };
    eventually("it is sent", || sent(OF_FILE).then_some(()));
    keep(&ostler.setup, "token", "anew-0123456789");
    ostler.admin().press(&format!("/api/mcp/{}/restart", far.string("/id")));
    eventually("the new one is sent", || sent("anew-0123456789").then_some(()));
}

#[test]
fn settings_that_would_open_ostler_itself_are_refused_at_start() {
    let mut setup = Setup::new()
        .env("OSTLER_SECRET_FOLDERS", "/proc, secrets")
        .env("OSTLER_SECRET_VARIABLES", "OSTLER_SECRET_KEY")
        .env("OSTLER_SECRET_COMMANDS", "vault=vault");
    setup.arguments = vec!["check-config".into()];
    let output = setup.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    for part in ["\"/proc\" is no folder of secrets", "which is Ostler's own", "\"vault=vault\" is no command"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    fs::remove_dir_all(&setup.home).unwrap();
}
