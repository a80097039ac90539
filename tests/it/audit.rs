//! The audit log: who did what to what, and how it went.

use crate::support::{
    backends::on_both_databases,
    http::Ask,
    processes::{alive, kill},
    wait::now,
    *,
};

on_both_databases! {
    fn the_life_of_a_server_is_in_the_audit_log(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let server = admin.running(fake("ok"));
        server.change(json!({"name": "renamed"})).is(200);
        server.stop().is(200);
        server.remove().is(204);

        let log = admin.get(&format!("/api/audit?target={}", server.id)).is(200);
        let actions: Vec<_> = log.list("/items").iter().rev().map(|one| one["action"].as_str().unwrap()).collect();
        let expected = ["server.create", "server.start", "server.update", "server.stop", "server.delete"];
        let found: Vec<_> = actions.into_iter().filter(|action| expected.contains(action)).collect();
        assert_eq!(found, expected, "{log:?}");
        for entry in log.list("/items").iter().filter(|entry| entry["actor"] != "ostler") {
            assert_eq!(entry["actor"], "admin@localhost");
            assert_eq!(entry["outcome"], "success");
            assert!(entry["requestId"].is_string() && entry["address"].is_string(), "{entry}");
        }
        let created = admin.get("/api/audit?action=server.create").is(200);
        assert_eq!(created.list("/items").len(), 1);
        let failed = admin.get("/api/audit?action=server.create&outcome=failure").is(200);
        assert!(failed.list("/items").is_empty(), "{failed:?}");
        let created = admin.get("/api/audit?action=server.create&outcome=success").is(200);
        assert_eq!(created.list("/items").len(), 1);
    }
}

#[test]
fn logins_good_and_bad_are_in_the_audit_log() {
    let ostler = Ostler::spawn();
    ostler.anonymous().try_log_in("admin@localhost", "not-the-password").is(401);
    let log = ostler.admin().get("/api/audit?actor=admin@localhost").is(200);
    let outcomes: Vec<_> = log.list("/items").iter().map(|entry| entry["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.contains(&"success") && outcomes.contains(&"failure"), "{log:?}");
    assert!(!log.text().contains("not-the-password"));
}

#[test]
fn the_audit_log_says_with_which_credential_somebody_acted() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    admin.make_key(&["mcp:read", "mcp:write", "mcp:manage"]).register(fake("ok"));
    let newest = |action: &str| admin.get(&format!("/api/audit?action={action}")).is(200).list("/items")[0].clone();
    let made = newest("key.create");
    assert!(made["credential"].as_str().unwrap().starts_with("session:"), "{made}");
    let credential = format!("key:{}", made["target"].as_str().unwrap());
    assert_eq!(newest("server.create")["credential"], *credential);
    let with_key = admin.get(&format!("/api/audit?credential={credential}")).is(200);
    assert!(with_key.list("/items").iter().all(|entry| entry["credential"] == *credential), "{with_key:?}");
    assert_eq!(with_key.list("/items")[0]["action"], "server.create");
    admin.try_log_in("admin@localhost", "not-the-password").is(401);
    assert_eq!(newest("auth.login")["credential"], Value::Null);
}

#[test]
fn a_caller_that_is_refused_in_a_loop_does_not_fill_the_audit_log() {
    let mut ostler = Ostler::spawn();
    let viewer = ostler.user("viewer");
    for _ in 0..100 {
        viewer.get("/api/auth/users").is(403);
    }
    ostler.terminate();
    ostler.start_again();
    let log = ostler.admin().get(&format!("/api/audit?actor={}", viewer.id)).is(200);
    let denied: Vec<_> = log.list("/items").iter().filter(|entry| entry["outcome"] == "denied").collect();
    assert_eq!(denied.len(), 2, "{log:?}");
    let counted: u64 =
        denied.iter().filter_map(|entry| entry["detail"].as_str()?.split(' ').nth(3)?.parse::<u64>().ok()).sum();
    let alone = denied.iter().filter(|entry| entry["detail"].is_null()).count();
    assert_eq!(counted + alone as u64, 100, "{log:?}");
}

#[test]
fn strangers_who_guess_passwords_do_not_fill_the_audit_log() {
    let mut ostler = Ostler::with(&[("OSTLER_TRUSTED_PROXIES", "127.0.0.1")]);
    let (address, guesses) = (ostler.address, 320);
    // Each from elsewhere: one address alone has thirty a minute.
    together(8, |thread| {
        for guess in (0..guesses).filter(|guess| guess % 8 == thread) {
            let body = json!({"email": format!("{guess}@test.example"), "password": "not-the-password"});
            let from = format!("203.0.113.{}", guess % 64);
            let ask = Ask::new(address, "POST", "/api/auth/login").json(&body).header("X-Forwarded-For", &from);
            ask.send().is(401);
        }
    });
    ostler.terminate();
    ostler.start_again();
    let (admin, mut failures, mut cursor) = (ostler.admin(), Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/audit?action=auth.login&limit=100{cursor}")).is(200);
        failures.extend(page.list("/items").iter().filter(|entry| entry["outcome"] == "failure").cloned());
        let Some(next) = page.at("/nextCursor").as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(failures.len(), 301);
    let last = failures[0]["detail"].as_str().unwrap();
    assert_eq!(last, "the last of 20 further ones within an hour: no such account");
}

#[test]
fn what_was_refused_is_in_the_audit_log() {
    let ostler = Ostler::spawn();
    let viewer = ostler.user("viewer");
    viewer.try_register(fake("ok")).is(403);
    viewer.get("/api/auth/users").is(403);
    eventually("both refusals are there", || {
        let log = ostler.admin().get(&format!("/api/audit?actor={}", viewer.id)).is(200);
        let denied = log.list("/items").iter().filter(|entry| entry["outcome"] == "denied").count();
        (denied >= 2).then_some(())
    });
}

#[test]
fn a_crash_and_the_decision_to_try_again_are_in_the_audit_log() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let pid = server.pid();
    kill(pid);
    eventually("it is dead", || (!alive(pid)).then_some(()));
    server.call("echo", json!({"message": "x"})).is(200);
    eventually("Ostler says so", || {
        let log = ostler.admin().get(&format!("/api/audit?target={}&actor=ostler", server.id)).is(200);
        let found: Vec<_> = log.list("/items").iter().rev().map(|one| (&one["action"], &one["outcome"])).collect();
        let said = |action: &str, outcome: &str| (json!(format!("server.{action}")), json!(outcome));
        let start = said("spawn", "success");
        let expected = [start, said("fail", "failure"), said("retry", "success"), said("respawn", "success")];
        found.into_iter().eq(expected.iter().map(|(action, outcome)| (action, outcome))).then_some(())
    });
}

#[test]
fn a_server_that_kept_failing_and_has_been_well_for_a_minute_is_said_once_to_have_recovered() {
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "500"), ("MCP_MAX_RETRIES", "0")]);
    let (server, untroubled) = (ostler.admin().running(fake("ok")), ostler.admin().running(fake("ok").named("other")));
    // So often that the next failure would be no news.
    for _ in 0..6 {
        let pid = server.pid();
        kill(pid);
        eventually("it is dead", || (!alive(pid)).then_some(()));
        server.call_within("echo", json!({"message": "x"}), 60_000).is(200);
    }
    let well_since = now();
    let recovered = || ostler.admin().get("/api/audit?action=server.recover").is(200).list("/items").to_vec();
    let entries = within(seconds(90), "it has recovered", || Some(recovered()).filter(|found| !found.is_empty()));
    assert!(now() - well_since > seconds(55), "it was well for {:?}", now() - well_since);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!((&entry["target"], &entry["actor"]), (&json!(server.id), &json!("ostler")));
    assert_eq!((&entry["outcome"], &entry["credential"]), (&json!("success"), &json!("ostler")));
    let checked = |server: &Server| server.details().string("/server/lastHealthCheck");
    let (before, of_other) = (checked(&server), checked(&untroubled));
    eventually("both were checked again", || {
        (checked(&server) != before && checked(&untroubled) != of_other).then_some(())
    });
    assert_eq!(recovered().len(), 1, "it is said once, and of no other server");
}

#[test]
fn the_audit_log_is_read_by_time() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    let at = server.details().string("/server/createdAt");
    let before = ostler.admin().get(&format!("/api/audit?target={}&until={at}", server.id)).is(200);
    assert!(before.list("/items").is_empty(), "until is exclusive: {before:?}");
    ostler.admin().get("/api/audit?since=2100-01-01T00:00:00.000Z").is(200).has("/items", json!([]));
    ostler.admin().get("/api/audit?since=yesterday").any_of(&[400, 422]);
}
