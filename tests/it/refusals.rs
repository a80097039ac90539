//! Refusals of a sandbox, explained where a person looks, with the change that allows them.

use crate::support::*;

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
}
