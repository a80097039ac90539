//! The start of a server: its era, its time, and what it lacks though it came up.

use crate::support::{
    mcp::{MODERN, Modern},
    processes::kill,
    *,
};

/// The tools of a result have everything that the newer era demands.
#[track_caller]
fn lists_as_modern(server: &Server) {
    let answer = Modern::new(&server.caller, &format!("/mcp/{}", server.id)).send("tools/list", json!({})).is(200);
    let answer = answer.has("/result/resultType", "complete").has("/result/tools/0/name", "echo");
    assert!(answer.at("/result/ttlMs").is_number(), "{answer:?}");
}

#[test]
fn a_slow_server_that_answers_both_questions_is_spoken_to_in_the_era_of_the_later_one() {
    let ostler = Ostler::spawn();
    // Longer than `server/discover` is waited for before `initialize` goes out as well.
    let server = ostler.admin().running(fake_with("late-dual", &["11000"]));
    server.details().has("/runtimeStatus/protocolVersion", "2025-11-25").has("/runtimeStatus/strayAnswers", 0);
    lists_as_modern(&server);
    assert_eq!(server.call("echo", json!({"message": "x"})).is(200).said(), "x");
}

#[test]
fn a_fast_server_that_answers_both_questions_is_spoken_to_in_the_newer_era() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("late-dual", &["0"]));
    server.details().has("/runtimeStatus/protocolVersion", MODERN);
    lists_as_modern(&server);
}

#[test]
fn the_silence_of_a_server_to_the_newer_era_is_waited_for_once() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("discover-silent"));
    let first = server.pid();
    kill(first);
    let again = || server.details().at("/runtimeStatus/pid").as_u64().filter(|pid| *pid != u64::from(first));
    // Without the ten seconds of that silence.
    within(seconds(8), "it is back", again);
    let (took, _) = timed(|| server.restart().is(200));
    assert!(took < seconds(8), "it took {took:?}");
    ostler.kill();
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    let (took, _) = timed(|| server.start().is(200));
    assert!(took < seconds(8), "after a restart of Ostler it took {took:?}");
}

#[test]
fn a_server_that_refuses_calls_in_the_era_it_offered_gets_them_in_the_other() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("half-modern"));
    server.details().has("/runtimeStatus/protocolVersion", MODERN);
    assert_eq!(server.call("echo", json!({"message": "in vain?"})).is(200).said(), "in vain?");
    let details = server.details().has("/runtimeStatus/protocolVersion", "2025-11-25");
    let reason = details.string("/runtimeStatus/lastExit/reason");
    assert!(reason.contains("initialize is required"), "{reason}");
    // It is remembered.
    server.restart().is(200).has("/runtimeStatus/protocolVersion", "2025-11-25");
}

#[test]
fn the_owner_decides_which_era_is_spoken() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let admin = ostler.admin();
    let legacy = admin.running(fake_with("late-dual", &["0"]).set("protocol", json!("legacy")));
    legacy.details().has("/server/protocol", "legacy").has("/runtimeStatus/protocolVersion", "2025-11-25");
    legacy.change(json!({"protocol": "auto"})).is(200).has("/protocol", "auto");
    eventually("it is spoken to in the newer era", || {
        (legacy.details().at("/runtimeStatus/protocolVersion") == MODERN).then_some(())
    });
    let modern = admin.register(fake("ok").set("protocol", json!("modern")));
    let answer = modern.start().problem(500, "spawn_failed");
    assert!(answer.text().contains("server/discover was refused with -32601"), "{answer:?}");
    let half = admin.running(fake("half-modern").set("protocol", json!("modern")));
    let answer = half.call("echo", json!({"message": "x"})).is(400);
    assert!(answer.text().contains("initialize is required"), "{answer:?}");
    admin.try_register(fake("ok").set("protocol", json!("newest"))).problem(422, "validation_failed");
}

#[test]
fn a_server_that_cannot_list_its_tools_is_up_and_says_so() {
    let ostler = Ostler::spawn();
    let file = ostler.setup.servers_dir().join("network");
    let server = ostler.admin().running(fake_with("tools-need-file", &[file.to_str().unwrap()]));
    let fault = server.details().string("/runtimeStatus/fault");
    assert_eq!(fault, "tools/list was refused with -32603: fetch failed");
    server.details().has("/runtimeStatus/tools", 0).has("/runtimeStatus/restarts", 0);
    std::fs::write(&file, "").unwrap();
    eventually("its tools are listed", || server.tool_names().contains(&"echo".to_owned()).then_some(()));
    server.details().lacks("/runtimeStatus/fault").has("/runtimeStatus/restarts", 0);

    // What was listed once stays listed.
    std::fs::remove_file(&file).unwrap();
    server.restart().is(200).has("/runtimeStatus/status", "running");
    server.details().has("/runtimeStatus/fault", fault);
    assert!(server.tool_names().contains(&"echo".to_owned()));
    assert_eq!(server.call("echo", json!({"message": "x"})).is(200).said(), "x");
}

#[test]
fn the_time_to_become_ready_is_the_servers_own_or_that_of_its_kind() {
    let ostler = Ostler::with(&[("MCP_START_TIMEOUT_MS", "1000"), ("MCP_MAX_RETRIES", "1")]);
    let npx = ostler.setup.servers_dir().join("npx");
    std::os::unix::fs::symlink("/bin/sleep", &npx).unwrap();
    let launcher = format!("exec '{}' 600", npx.display());
    let own = fake("never-ready").set("startTimeoutMs", json!(1_500));
    for (spec, time) in
        [(fake("never-ready"), "1 s"), (own, "1.5 s"), (Spec::new("sh", json!(["-c", launcher])), "3 s")]
    {
        let answer = ostler.admin().register(spec).start().problem(500, "spawn_failed");
        assert!(answer.text().contains(&format!("no complete handshake within {time}")), "{answer:?}");
    }
    let server = ostler.admin().register(fake("ok").set("startTimeoutMs", json!(90_000)));
    server.details().has("/server/startTimeoutMs", 90_000);
    server.change(json!({"startTimeoutMs": null})).is(200).has("/startTimeoutMs", Value::Null);
    server.change(json!({"startTimeoutMs": 999})).problem(422, "validation_failed");
}

/// A server of a few lines of shell, whose answers are as few others write them.
const ODD_SERVER: &str = r#"while read -r line; do
    id=${line#*'"id":'}; id=${id%%[,\}]*}
    case $line in
        *server/discover*) printf '{"jsonrpc":"2.0","id":%s,"error":"what?"}\n' "$id" ;;
        *'"initialize"'*) printf '\357\273\277{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18",
"capabilities":{"tools":{}},"serverInfo":{"name":"o","version":"1"}}}' "$id" | tr -d '\n'; echo ;;
        *tools/list*) printf '{"jsonrpc":"2.0","id":%s.0,"result":{"tools":[{"name":"%s"}],"nextCursor":""}}\n' "$id" odd ;;
        *'"words"'*) printf '{"jsonrpc":"2.0","id":%s,"error":"boom"}\n' "$id" ;;
        *'"code"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":"E1","message":"bang"}}\n' "$id" ;;
        *'"null"'*) printf '{"jsonrpc":"2.0","id":%s,"result":null}\n' "$id" ;;
    esac
done"#;

#[test]
fn answers_in_spellings_that_other_clients_take_are_understood() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(Spec::new("sh", json!(["-c", ODD_SERVER])));
    server.details().has("/runtimeStatus/strayLines", 0).has("/runtimeStatus/strayAnswers", 0);
    // Its one page, which leads to itself, counts once.
    assert_eq!(server.tool_names(), ["odd"]);
    let client = Modern::new(&server.caller, &format!("/mcp/{}", server.id));
    for (tool, said) in [("words", "boom"), ("code", "bang"), ("null", "no object: null")] {
        let answer = server.call(tool, json!({})).problem(400, "tool_execution_failed");
        assert!(answer.text().contains(said), "{answer:?}");
        // Whatever it was, its client gets an error object that it can read.
        let answer = client.call(tool, json!({})).has("/error/code", -32603);
        assert!(answer.string("/error/message").contains(said), "{answer:?}");
    }
}
