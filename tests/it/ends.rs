//! Ends of a server before it was ready: the reason, the words, the remedy, and whether it is tried again.

use crate::support::{processes::kill, server::hostile_server, *};

/// A server that runs this in a shell.
fn shell(script: &str) -> Spec {
    Spec::new("sh", json!(["-c", script]))
}

#[test]
fn a_program_that_is_not_there_is_named_with_the_path_that_was_searched() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let answer = admin.register(Spec::new("no-such-program", json!([]))).start().problem(500, "spawn_failed");
    let path = std::env::var("PATH").unwrap();
    let expected = format!("the server could not be started: \"no-such-program\" is not on PATH ({path})");
    assert_eq!(answer.string("/detail"), expected);

    let line = admin.try_register(Spec::new("npx -y @modelcontextprotocol/server-memory", json!([])));
    let line = line.problem(422, "validation_failed").has("/errors/0/pointer", "/command");
    assert!(line.text().contains("its arguments apart, in `args`"), "{line:?}");
    let answer = admin.register(Spec::new("/usr/bin/env ls", json!([]))).start().problem(500, "spawn_failed");
    assert!(answer.text().contains("has blanks: write the arguments apart"), "{answer:?}");

    let script = ostler.setup.servers_dir().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    make_executable(&script);
    let answer = admin.register(Spec::new(script.to_str().unwrap(), json!([]))).start().problem(500, "spawn_failed");
    assert!(answer.text().contains("names an interpreter in its first line that does not exist"), "{answer:?}");

    let plain = ostler.setup.servers_dir().join("plain");
    std::fs::write(&plain, "").unwrap();
    for (program, said) in [
        (plain.to_str().unwrap(), "is not executable: allow that by `chmod +x`"),
        ("/usr/bin", "is a folder, not a program"),
        ("~/bin/server", "write out what `~` and `$` stand for"),
        ("$HOME/bin/server", "write out what `~` and `$` stand for"),
        ("'/usr/bin/env'", "its quotes count as letters"),
    ] {
        let answer = admin.register(Spec::new(program, json!([]))).start().problem(500, "spawn_failed");
        assert!(answer.text().contains(said), "{answer:?}");
    }
}

fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits until it is down for this reason, and to be tried again.
fn is_given_up_for_now(server: &Server, reason: &str) {
    eventually("it is given up for now", || {
        let details = server.details();
        let state = &details.json["runtimeStatus"];
        let why = state["lastExit"]["reason"].as_str().unwrap_or_default();
        (state["status"] == "failed" && state["nextAttemptAt"].is_string() && why.contains(reason)).then_some(())
    });
}

#[test]
fn a_program_that_is_away_while_its_server_crashes_is_back_in_moments() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let program = ostler.setup.servers_dir().join("hostile-copy");
    copy_program(&hostile_server(), &program);
    let away = program.with_extension("away");
    let server = ostler.admin().running(Spec::new(program.to_str().unwrap(), json!(["ok"])));
    std::fs::rename(&program, &away).unwrap();
    kill(server.pid());
    is_given_up_for_now(&server, "No such file");
    std::fs::rename(&away, &program).unwrap();
    within(seconds(60), "it is up again", || (server.status() == "running").then_some(()));
}

#[test]
fn a_program_that_is_being_written_is_started_once_it_is_whole() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let program = ostler.setup.servers_dir().join("hostile-copy");
    copy_program(&hostile_server(), &program);
    let writer = std::fs::OpenOptions::new().append(true).open(&program).unwrap();
    let server = ostler.admin().register(Spec::new(program.to_str().unwrap(), json!(["ok"])).enabled());
    is_given_up_for_now(&server, "Text file busy");
    drop(writer);
    within(seconds(60), "it is up", || (server.status() == "running").then_some(()));
}

#[test]
fn what_a_server_writes_on_standard_output_is_kept_as_its_last_words() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let server = ostler.admin().register(shell("echo 'Error: FOO_API_KEY is not set'; exit 1"));
    let answer = server.start().problem(500, "spawn_failed");
    answer.has("/stderr/0", "[stdout] Error: FOO_API_KEY is not set");
    let output = server.caller.get(&server.path("/output")).is(200);
    output.has("/items/0/line", "Error: FOO_API_KEY is not set").has("/items/0/stream", "stdout");
    let reason = server.details().string("/runtimeStatus/lastExit/reason");
    assert_eq!(reason, "exited with code 1 before it was ready; it wants the variable FOO_API_KEY: add it to `env`");
    eventually("it is on the timeline", || {
        let items = server.caller.get(&server.path("/timeline?kinds=stdout")).is(200);
        (items.json["items"][0]["text"] == "Error: FOO_API_KEY is not set").then_some(())
    });
}

#[test]
fn the_first_words_of_a_server_are_kept_beside_the_last() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let server = ostler.admin().register(shell("echo 'no contexts are defined' >&2; seq 40 >&2; exit 1"));
    let answer = server.start().problem(500, "spawn_failed");
    let words: Vec<_> = answer.list("/stderr").iter().map(|line| line.as_str().unwrap().to_owned()).collect();
    assert_eq!(
        (words[0].as_str(), words[5].as_str(), words[20].as_str()),
        ("no contexts are defined", "… 21 lines …", "40")
    );
}

#[test]
fn a_server_that_ends_twice_with_the_same_words_is_not_tried_again() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(shell("echo \"$$: the licence has run out\" >&2; exit 1").enabled());
    server.becomes("failed");
    let details = server.details().lacks("/runtimeStatus/nextAttemptAt").has("/runtimeStatus/restarts", 1);
    assert!(
        details.at("/runtimeStatus/lastExit/stderr").to_string().contains("the licence has run out"),
        "{details:?}"
    );
    server.call("echo", json!({})).problem(503, "server_unavailable");
}

#[test]
fn a_server_that_was_ready_once_is_tried_again_whatever_it_says() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "2")]);
    let file = ostler.setup.servers_dir().join("needed");
    std::fs::write(&file, "").unwrap();
    let server = ostler.admin().running(fake_with("needs-file", &[file.to_str().unwrap()]));
    std::fs::remove_file(&file).unwrap();
    kill(server.pid());
    server.becomes("failed");
    let details = server.details().has("/runtimeStatus/restarts", 2);
    assert!(details.at("/runtimeStatus/nextAttemptAt").is_string(), "{details:?}");
}
