//! What a server's process gets from Ostler, and what it does not.

use crate::support::{
    processes::{descriptors, environment, look_at, working_directory},
    *,
};

/// What a process may see of Ostler's own environment, or is told by it.
const ALLOWED: [&str; 14] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "NO_COLOR",
    "NPM_CONFIG_UPDATE_NOTIFIER",
    "PATH",
    "PYTHONUNBUFFERED",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

#[test]
fn a_server_sees_its_own_variables_and_nothing_of_ostlers() {
    let setup = Setup::new()
        .env("OSTLER_SECRET_KEY", "k3yZ-of-n0body-but-this-one-test-9f8e7d6c5b4a")
        .env("AWS_SECRET_ACCESS_KEY", "precious");
    let ostler = setup.spawn();
    let server = ostler.admin().running(fake("ok").env("GREETING", "hello there"));
    let seen = environment(server.pid());
    assert_eq!(seen["GREETING"], "hello there");
    assert_eq!(seen["PATH"], ostler.setup.environment["PATH"]);
    let tag_of_ours = |key: &str, value: &str| {
        key.starts_with("OSTLER") && value.get(..36).is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
    };
    for (key, value) in &seen {
        let known = ALLOWED.contains(&key.as_str()) || ["GREETING", "TEST_TAG"].contains(&key.as_str());
        assert!(known || tag_of_ours(key, value), "{key}={value} is none of its business");
    }
}

#[test]
fn variables_that_make_programs_load_code_are_refused_by_name() {
    let ostler = Ostler::spawn();
    let refused = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "NODE_OPTIONS",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "GIT_SSH_COMMAND",
        "GIT_EXTERNAL_DIFF",
    ];
    for key in refused {
        let answer = ostler.admin().try_register(fake("ok").env(key, "x")).is(422);
        assert_eq!(answer.string("/errors/0/pointer"), format!("/env/{key}"), "{answer:?}");
    }
    let server = ostler.admin().register(fake("ok"));
    server.change(json!({"env": {"LD_PRELOAD": "/tmp/x.so"}})).is(422).has("/errors/0/pointer", "/env/LD_PRELOAD");
    let both = fake("ok").env("LD_PRELOAD", "x").env("NODE_OPTIONS", "y");
    assert_eq!(ostler.admin().try_register(both).is(422).list("/errors").len(), 2, "every fault at once");
    assert_eq!(ostler.admin().get("/api/mcp").is(200).list("/items").len(), 1);
}

#[test]
fn an_operator_lets_servers_have_variables_that_are_refused_without() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_VARIABLES", "PYTHONPATH, BROWSER")]);
    let server = ostler.admin().running(fake("ok").env("PYTHONPATH", "/srv/own").env("BROWSER", "chromium"));
    let seen = environment(server.pid());
    assert_eq!((&*seen["PYTHONPATH"], &*seen["BROWSER"]), ("/srv/own", "chromium"));
    let refused = ostler.admin().try_register(fake("ok").env("PYTHONHOME", "/srv")).is(422);
    assert!(refused.string("/errors/0/message").contains("MCP_ALLOWED_VARIABLES"), "{refused:?}");
}

#[test]
fn variables_that_applications_document_are_taken() {
    let ostler = Ostler::spawn();
    let names =
        ["PLAYWRIGHT_MCP_BROWSER", "GIT_BASE_DIR", "GIT_SIGN_COMMITS", "UV_OFFLINE", "NPM_CONFIG_PREFER_OFFLINE"];
    let spec = names.into_iter().fold(fake("ok"), |spec, name| spec.env(name, "x"));
    let seen = environment(ostler.admin().running(spec).pid());
    assert!(names.iter().all(|name| seen[*name] == "x"));
}

#[test]
fn a_server_has_three_descriptors_and_a_session_of_its_own() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let numbers: Vec<_> = descriptors(server.pid()).into_keys().collect();
    assert_eq!(numbers, [0, 1, 2]);
    let (own, ours) = (look_at(server.pid()).unwrap(), look_at(ostler.pid()).unwrap());
    assert_ne!(own.session, ours.session);
    assert_ne!(own.group, ours.group);
}

#[test]
fn a_server_works_in_a_folder_of_its_own() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let folder = ostler.setup.servers_dir().canonicalize().unwrap().join(&server.id).join("shared");
    assert_eq!(working_directory(server.pid()), folder);
    assert_eq!(environment(server.pid())["HOME"], folder.to_str().unwrap());
    let uncontained = ostler.admin().running(fake("ok").uncontained());
    assert_eq!(working_directory(uncontained.pid()), ostler.setup.servers_dir().canonicalize().unwrap());
    let admin = ostler.admin();
    admin.delete(&server.path(""));
    eventually("its folder is gone", || (!folder.parent().unwrap().exists()).then_some(()));
}

#[test]
fn arguments_reach_a_server_as_they_are() {
    let ostler = Ostler::spawn();
    let nasty = "; touch pwned $(touch pwned) `touch pwned` | cat 'x' \"y\" \\ *";
    let server = ostler.admin().running(fake_with("banner", &[nasty]));
    eventually("the argument is on standard error", || {
        let output = ostler.admin().get(&server.path("/output")).json.to_string();
        output.contains(&json!(nasty).to_string()[1..60]).then_some(())
    });
    assert!(!ostler.setup.servers_dir().join("pwned").exists());
}

#[test]
fn secrets_of_a_server_are_masked_wherever_they_would_show() {
    let ostler = Ostler::spawn();
    let secret = "sk-live-0123456789abcdef";
    let server = ostler.admin().running(fake("ok").env("API_TOKEN", secret));
    assert_eq!(environment(server.pid())["API_TOKEN"], secret);

    server.call("echo", json!({"message": format!("using {secret} now")})).is(200);
    server.call("say", json!({"text": format!("token {secret} loaded")})).is(200);
    eventually("the line is there", || server.output().contains("loaded").then_some(()));

    let places = ["", "/logs", "/output"];
    for place in places {
        let answer = ostler.admin().get(&server.path(place)).is(200);
        assert!(!answer.text().contains(secret), "{answer:?}");
    }
    assert!(!ostler.admin().get("/api/audit").is(200).text().contains(secret));
    assert!(!ostler.errors().contains(secret), "a secret in the log");
    let file = std::fs::read(ostler.setup.database_file()).unwrap();
    assert!(memchr::memmem::find(&file, secret.as_bytes()).is_none(), "a secret in clear in the database");
}

#[test]
fn a_masked_value_sent_back_stays_what_it_was() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").env("API_TOKEN", "sk-live-0123456789").env("REGION", "north"));
    let masked = server.details().at("/server/env").clone();
    assert_ne!(masked["API_TOKEN"], "sk-live-0123456789");

    let mut env = masked;
    env["REGION"] = json!("south");
    server.change(json!({"env": env})).is(200);
    eventually("the new process has the old secret and the new region", || {
        let seen = server.details().at("/runtimeStatus/pid").as_u64().map(|pid| environment(pid as u32))?;
        (seen.get("REGION")? == "south" && seen["API_TOKEN"] == "sk-live-0123456789").then_some(())
    });
}
