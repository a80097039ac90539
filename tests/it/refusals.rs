//! Refusals of a sandbox, explained where a person looks, with the change that allows them.

use crate::support::{folder::Folder, *};

/// A server that ends as soon as it has said this on standard error.
fn says(line: &str) -> Spec {
    Spec::new("sh", json!(["-c", "printf '%s\\n' \"$1\" >&2; exit 1", "sh", line]))
}

#[test]
fn a_refusal_names_its_setting_and_the_change_that_allows_it() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let server = ostler.admin().register(says("Error: EACCES: permission denied, open '/srv/oats/a'"));
    server.start().problem(500, "spawn_failed");
    server.becomes_healthwise("ERROR");
    let why = "its sandbox does not grant /srv/oats/a: allow it with `sandbox.paths.read`";
    let details = server.details().has("/runtimeStatus/lastExit/refusal/reason", why);
    let details = details.has("/runtimeStatus/lastExit/refusal/grant", json!({"kind": "read", "path": "/srv/oats/a"}));
    assert!(details.string("/runtimeStatus/lastExit/reason").contains(why), "{details:?}");
    let timeline = ostler.admin().get(&server.path("/timeline?kinds=ostler")).is(200);
    assert!(timeline.text().contains("sandbox.paths.read"), "{timeline:?}");

    // The suggested body is one that a change takes, and rests on the sandbox of now.
    server.change(json!({"sandbox": {"unixSockets": true}})).is(200);
    let suggestion = server.details().has("/suggestion/setting", "sandbox.paths.read").at("/suggestion").clone();
    assert_eq!(suggestion["change"]["sandbox"]["unixSockets"], true, "{suggestion}");
    server.change(suggestion["change"].clone()).is(200).has("/sandbox/paths/read", json!(["/srv/oats/a"]));

    // It says the same where it may read, so it must want to write.
    server.start().problem(500, "spawn_failed");
    server.details().has("/suggestion/setting", "sandbox.paths.write");
}

/// Has a tool fail, or not, with this text.
fn tell(server: &Server, text: &str, fails: bool) -> Answer {
    let result = json!({"content": [{"type": "text", "text": text}], "isError": fails});
    server.call("raw", json!({"result": result}))
}

#[test]
fn a_refusal_that_the_error_of_a_tool_tells_of_is_shown_while_the_server_runs() {
    let ostler = Ostler::spawn();
    let folder = Folder::new();
    let file = folder.path().join("oats");
    std::fs::write(&file, "").unwrap();
    let (file, path) = (file.to_str().unwrap(), folder.path().join("hidden key"));
    let server = ostler.admin().running(fake("ok").env("KEY", "hidden key"));
    let shown = |server: &Server| server.details().is(200).at("/runtimeStatus/refusal").clone();
    let text = format!("it did not work:\nEACCES: permission denied, open '{file}'");
    tell(&server, &text, false).is(200);
    tell(&server, "Error: the oats are wet", true).is(400);
    assert_eq!(shown(&server), Value::Null, "only errors that tell of a refusal count");

    tell(&server, &text, true).is(400);
    let reason = format!("its sandbox does not grant {file}: allow it with `sandbox.paths.read`");
    assert_eq!(shown(&server), json!({"reason": reason, "grant": {"kind": "read", "path": file}}));
    let timeline = || server.caller.get(&server.path("/timeline?kinds=ostler")).is(200).text();
    eventually("it is noted", || timeline().contains(&format!("raw failed: {reason}")).then_some(()));
    let change = server.details().has("/suggestion/setting", "sandbox.paths.read").at("/suggestion/change").clone();
    server.change(change).is(200);
    eventually("another process has the grant", || (shown(&server) == Value::Null).then_some(()));
    server.details().has("/suggestion", Value::Null);
    assert_eq!(server.call("attempt", json!({"kind": "read", "target": file})).is(200).said(), "done");

    let secret = format!("EACCES: permission denied, open '{}'", path.display());
    tell(&server, &secret, true).is(400);
    let refusal = shown(&server).to_string();
    assert!(refusal.contains("***") && !refusal.contains("hidden key"), "{refusal}");
    let free = ostler.admin().running(fake("ok").named("free").uncontained());
    tell(&free, &text, true).is(400);
    assert_eq!(shown(&free), Value::Null);
}

#[test]
fn a_server_without_a_sandbox_gets_no_suggestion() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let spec = says("Error: EACCES: permission denied, open '/srv/oats/a'").set("sandbox", json!({"level": "none"}));
    let server = ostler.admin().register(spec);
    server.start().problem(500, "spawn_failed");
    server.becomes_healthwise("ERROR");
    let details = server.details().has("/suggestion", json!(null));
    details.has("/runtimeStatus/lastExit/refusal", json!(null));
}

#[test]
fn a_caller_who_may_not_configure_a_server_sees_no_suggestion() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*"), ("MCP_MAX_RETRIES", "1")]);
    let (owner, guest) = (ostler.user("developer"), ostler.admin().make_user("guest", "developer"));
    let server = owner.register(says("PermissionError: [Errno 13] Permission denied: '/srv/oats/a'"));
    let share = json!({"userId": guest.id, "permissions": ["mcp:execute"]});
    owner.post(&server.path("/shares"), share).any_of(&[200, 201]);
    server.start().problem(500, "spawn_failed");
    server.becomes_healthwise("ERROR");
    server.details().has("/suggestion/grant/path", "/srv/oats/a");
    let details = server.seen_by(&guest).details().is(200).has("/suggestion", json!(null));
    details.has("/runtimeStatus/lastExit/refusal", json!(null));

    let server = owner.running(fake("ok").named("second"));
    owner
        .post(&server.path("/shares"), json!({"userId": guest.id, "permissions": ["mcp:execute"]}))
        .any_of(&[200, 201]);
    tell(&server.seen_by(&guest), "EACCES: permission denied, open '/srv/oats/a'", true).is(400);
    server.details().has("/runtimeStatus/refusal/grant/path", "/srv/oats/a");
    let details = server.seen_by(&guest).details().is(200).has("/suggestion", json!(null));
    details.has("/runtimeStatus/refusal", json!(null));
}
