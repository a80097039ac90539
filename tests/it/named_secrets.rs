//! Secrets of users, which servers refer to by name: they reach the right processes, and nothing shows them.

use crate::support::{
    backends::on_both_databases,
    processes::{alive, environment, tagged},
    upstream::{Then, Upstream},
    wire::Wire,
    *,
};

const VALUE: &str = "tk-live-4f1c9a7e02b84d";

#[track_caller]
fn set(caller: &Caller, name: &str, value: &str) -> Answer {
    caller.put(&format!("/api/secrets/{name}"), json!({"value": value})).any_of(&[200, 201])
}

fn with_token(mode: &str) -> Spec {
    fake(mode).env("TOKEN", "${secret:T}").env("LINE", "Bearer ${secret:T}")
}

/// The process that answers somebody.
#[track_caller]
fn process(server: &Server, caller: &Caller) -> u32 {
    server.seen_by(caller).call("pid", json!({})).is(200).said().parse().unwrap()
}

#[track_caller]
fn share(server: &Server, with: &Caller, permissions: &[&str]) {
    let share = json!({"userId": with.id, "permissions": permissions});
    server.caller.post(&server.path("/shares"), share).is(201);
}

on_both_databases! {
    fn a_secret_reaches_the_server_and_nothing_shows_it(setup: Setup) {
        let mut ostler = setup.spawn();
        let admin = ostler.admin();
        let made = admin.put("/api/secrets/T", json!({"value": VALUE})).is(201).has("/name", "T");
        let server = admin.running(with_token("ok"));
        let seen = environment(server.pid());
        assert_eq!((seen["TOKEN"].as_str(), seen["LINE"].as_str()), (VALUE, format!("Bearer {VALUE}").as_str()));
        server.call("say", json!({"text": format!("on standard error: {VALUE}")})).is(200);
        server.call("echo", json!({"message": VALUE})).is(200);
        eventually("it is on the timeline", || {
            admin.get(&server.path("/timeline")).is(200).text().contains("on standard error: ***").then_some(())
        });
        let details = server.details().is(200).has("/server/env/TOKEN", "${secret:T}").has("/server/env/LINE", "***");
        let list = admin.get("/api/secrets").is(200).has("/items/0/usedBy/0", server.id.clone());
        let mut shown = vec![made, details, list, server.logs()];
        let paths = ["/timeline", "/output", "/usage"].map(|rest| server.path(rest));
        let others = ["/api/audit", "/api/mcp", "/api/mcp/export", "/api/mcp/export?format=ostler", "/api/calls"];
        shown.extend(paths.iter().map(String::as_str).chain(others).map(|path| admin.get(path).is(200)));
        for answer in shown {
            assert!(!answer.text().contains(VALUE), "{answer:?}");
        }
        admin.get("/api/audit?action=secret.set").is(200).has("/items/0/target", "T");
        for process in tagged(&ostler.setup.tag) {
            assert!(!process.command.contains(VALUE), "{process:?}");
        }
        ostler.terminate();
        let log = ostler.errors();
        assert!(!log.contains(VALUE), "a secret in the log: {log}");
        if ostler.setup.database_file().exists() {
            let file = std::fs::read(ostler.setup.database_file()).unwrap();
            assert!(memchr::memmem::find(&file, VALUE.as_bytes()).is_none(), "it is in the database in clear");
        }
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        server.start().is(200);
        assert_eq!(environment(server.pid())["TOKEN"], VALUE, "it outlives a restart");
    }

    fn an_accounts_secrets_are_its_own_and_go_with_it(setup: Setup) {
        let ostler = setup.spawn();
        let ada = ostler.admin().make_user("ada", "developer");
        set(&ada, "T", VALUE);
        ostler.admin().get("/api/secrets").is(200).has("/items", json!([]));
        ostler.admin().delete("/api/secrets/T").problem(404, "secret_not_found");
        ada.get("/api/secrets").is(200).has("/items/0/name", "T");
        ostler.admin().delete(&format!("/api/auth/users/{}", ada.id)).is(204);
        let again = ostler.admin().make_user("ada", "developer");
        again.get("/api/secrets").is(200).has("/items", json!([]));
    }
}

#[test]
fn a_missing_secret_is_named_and_setting_it_starts_what_waits() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(with_token("ok"));
    let refusal = server.start();
    let why = "secret T of its owner is missing: PUT /api/secrets/T";
    assert!(refusal.status >= 400 && refusal.text().contains(why), "{refusal:?}");
    assert_eq!((server.status(), server.health()), ("failed".to_owned(), "ERROR".to_owned()));
    assert!(server.details().text().contains(why));
    set(&ostler.admin(), "OTHER", "of no use to it");
    set(&ostler.admin(), "T", VALUE);
    server.becomes("running");
    let first = server.pid();
    set(&ostler.admin(), "T", VALUE);
    assert_eq!(server.pid(), first, "the same value needs no other process");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 1000})).is(200));
        eventually("the call is with the server", || {
            (server.details().number("/runtimeStatus/inFlight") > 0).then_some(())
        });
        set(&ostler.admin(), "T", "another-value-0123");
        eventually("another process serves", || (server.pid() != first).then_some(()));
        assert!(call.join().unwrap().text().contains("slept"), "no call is lost");
    });
    let second = server.pid();
    assert_eq!(environment(second)["TOKEN"], "another-value-0123");
    ostler.admin().delete("/api/secrets/T").is(204);
    server.becomes("failed");
    assert!(!alive(second), "what was taken from it ends with it");
    assert!(server.details().text().contains(why));
}

#[test]
fn a_callers_own_secret_reaches_their_own_process_and_only_where_they_allowed_it() {
    let ostler = Ostler::spawn();
    set(&ostler.admin(), "T", "of-the-owner-0123");
    let server = ostler.admin().running(with_token("ok").set("isolation", json!("per-user")));
    let [ada, bob] = ["ada", "bob"].map(|name| ostler.admin().make_user(name, "executor"));
    share(&server, &ada, &["mcp:read", "mcp:execute"]);
    share(&server, &bob, &["mcp:execute"]);
    // Empty of a process that has been replaced since it answered.
    let token = |caller: &Caller| environment(process(&server, caller)).get("TOKEN").cloned().unwrap_or_default();
    set(&ada, "T", "of-ada-0123456789");
    assert_eq!(token(&ada), "of-the-owner-0123", "nobody's secret goes to a server that they did not allow");
    let allowed = ada.put("/api/secrets/T", json!({"servers": [server.id]})).is(200);
    allowed.has("/servers/0", server.id.clone()).has("/usedBy/0", server.id.clone());
    eventually("her process has her own", || (token(&ada) == "of-ada-0123456789").then_some(()));
    assert_eq!(token(&bob), "of-the-owner-0123");
    assert_eq!(environment(server.pid())["TOKEN"], "of-the-owner-0123");
    server.seen_by(&ada).call("say", json!({"text": "of-ada-0123456789"})).is(200);
    let call = server.logs();
    assert!(!call.text().contains("of-ada-0123456789"), "{call:?}");
    set(&ada, "T", "of-ada-anew-01234");
    eventually("her process is replaced", || (token(&ada) == "of-ada-anew-01234").then_some(()));
    ada.delete("/api/secrets/T").is(204);
    eventually("the owner's takes its place", || (token(&ada) == "of-the-owner-0123").then_some(()));
    bob.put("/api/secrets/X", json!({"value": "x", "servers": ["nothing"]})).problem(422, "validation_failed");
    let unseen = ostler.admin().register(fake("ok"));
    let refused = bob.put("/api/secrets/X", json!({"value": "x", "servers": [unseen.id]}));
    refused.problem(422, "validation_failed").has("/errors/0/pointer", "/servers/0");
}

#[test]
fn references_that_would_show_a_secret_are_refused_by_their_place() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let open = ostler.admin().try_register(fake_with("ok", &["--token=${secret:T}"]));
    let open = open.problem(422, "validation_failed").has("/errors/0/pointer", "/args/1");
    assert!(open.text().contains("`env`"), "{open:?}");
    let misspelled = ostler.admin().try_register(fake("ok").env("TOKEN", "${secret:no name}"));
    misspelled.problem(422, "validation_failed").has("/errors/0/pointer", "/env/TOKEN");
    for (name, body) in [("9a", json!({"value": "x"})), ("a", json!({})), ("a", json!({"value": ""}))] {
        ostler.admin().put(&format!("/api/secrets/{name}"), body).problem(422, "validation_failed");
    }
    set(&ostler.admin(), "T", VALUE);
    let server = ostler.admin().running(fake("ok").env("OWN", "${secret:T}"));
    let eve = ostler.admin().make_user("eve", "developer");
    share(&server, &eve, &["mcp:read", "mcp:write", "mcp:execute"]);
    let hers = server.seen_by(&eve);
    let stolen = hers.change(json!({"env": {"MINE": "${secret:T}", "TEST_TAG": ostler.setup.tag}}));
    stolen.problem(422, "validation_failed").has("/errors/0/pointer", "/env/MINE");
    let seen = hers.details().is(200).at("/server/env").clone();
    hers.change(json!({"env": seen, "description": "hers, too"})).is(200);
    let more = json!({"OWN": "${secret:T}", "MORE": "x", "TEST_TAG": ostler.setup.tag});
    let carried = hers.change(json!({"env": more})).problem(422, "validation_failed");
    carried.has("/errors/0/pointer", "/env/OWN");
}

#[test]
fn secrets_are_set_by_who_may_change_servers_and_by_people_who_call_them() {
    let ostler = Ostler::spawn();
    let executor = ostler.user("executor");
    let by = |caller: &Caller| caller.put("/api/secrets/T", json!({"value": VALUE})).status;
    assert_eq!(by(&ostler.anonymous()), 401);
    assert_eq!(by(&ostler.user("viewer")), 403);
    assert_eq!(by(&executor.make_key(&["mcp:execute"])), 403, "another value makes servers act for somebody else");
    assert_eq!(by(&executor), 201);
    let developer = ostler.user("developer");
    assert_eq!(by(&developer.make_key(&["mcp:write"])), 201);
    assert_eq!(by(&developer), 200);
    ostler.admin().make_key(&["gateway:read"]).get("/api/secrets").problem(403, "forbidden");
}

#[test]
fn a_header_of_a_remote_server_has_the_secret_and_takes_a_new_one() {
    let upstream = Upstream::start(|_: &_, wire: &mut Wire| {
        wire.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        Then::Close
    });
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")]);
    set(&ostler.admin(), "T", VALUE);
    let url = format!("http://127.0.0.1:{}/mcp", upstream.port());
    let headers = json!({"Authorization": "Bearer ${secret:T}"});
    ostler.admin().post("/api/mcp", json!({"name": "far", "url": url, "headers": headers})).is(201);
    let sent = |value: &str| {
        let header = format!("Bearer {value}");
        upstream.seen().iter().any(|seen| seen.header("authorization") == Some(&header))
    };
    eventually("it is sent", || sent(VALUE).then_some(()));
    set(&ostler.admin(), "T", "another-value-0123");
    eventually("the new one is sent", || sent("another-value-0123").then_some(()));
}
