//! Logging in and out, passwords, keys, accounts.

use crate::support::{backends::on_both_databases, caller::secret_of, setup::ADMIN_PASSWORD, *};

on_both_databases! {
    fn a_login_is_a_person_until_it_ends(setup: Setup) {
        let ostler = setup.spawn();
        let dana = ostler.admin().make_user("dana", "developer");
        dana.get("/api/auth/me").is(200).has("/email", "dana@test.example").has("/role", "developer");
        let second = ostler.anonymous().log_in(&dana.email, &dana.password);

        dana.press("/api/auth/logout").any_of(&[200, 204]);
        dana.get("/api/auth/me").is(401);
        second.get("/api/auth/me").is(200);

        let change = json!({"currentPassword": dana.password, "newPassword": "an-entirely-new-password"});
        second.put("/api/auth/me/password", change).any_of(&[200, 204]);
        second.get("/api/auth/me").is(401);
        dana.try_log_in(&dana.email, &dana.password).is(401);
        dana.log_in(&dana.email, "an-entirely-new-password").get("/api/auth/me").is(200);
    }

    fn a_key_is_shown_once_and_ends_when_it_is_removed(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let made = admin.post("/api/auth/keys", json!({"name": "for scripts"})).is(201);
        let secret = secret_of(&made);
        let script = admin.with_token(&secret);
        script.get("/api/mcp").is(200);

        let keys = admin.get("/api/auth/keys").is(200).has("/items/0/name", "for scripts");
        assert!(!keys.text().contains(&secret), "{keys:?}");
        let id = keys.string("/items/0/id");
        admin.delete(&format!("/api/auth/keys/{id}")).is(204);
        script.get("/api/mcp").is(401);
        admin.delete(&format!("/api/auth/keys/{id}")).is(404);
    }
}

#[test]
fn a_wrong_password_and_an_unknown_person_look_the_same() {
    let ostler = Ostler::spawn();
    let wrong = ostler.anonymous().try_log_in("admin@localhost", "not-the-password").is(401);
    let unknown = ostler.anonymous().try_log_in("nobody@localhost", "not-the-password").is(401);
    for member in ["/code", "/title", "/detail"] {
        assert_eq!(wrong.at(member), unknown.at(member));
    }
}

#[test]
fn guessing_passwords_is_slowed_down_and_the_owner_is_not_locked_out_for_ever() {
    let ostler = Ostler::spawn();
    let dana = ostler.admin().make_user("dana", "viewer");
    let tries: Vec<_> = (0..12).map(|_| ostler.anonymous().try_log_in(&dana.email, "a-wrong-guess").status).collect();
    assert_eq!(tries[0], 401);
    assert!(tries.contains(&429), "{tries:?}");
    let throttled = ostler.anonymous().try_log_in(&dana.email, "a-wrong-guess").is(429);
    let wait: u64 = throttled.header("retry-after").expect("a Retry-After").parse().unwrap();
    assert!(wait <= 900, "locked for {wait} s");
    dana.get("/api/auth/me").is(200);
    let other = ostler.anonymous().try_log_in("admin@localhost", ADMIN_PASSWORD);
    assert!([200, 429].contains(&other.status), "{other:?}");
}

#[test]
fn a_key_can_be_narrower_than_its_owner_and_never_wider() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    let reader = admin.make_key(&["mcp:read", "mcp:manage"]);
    let only_reads = admin.make_key(&["mcp:read"]);
    server.seen_by(&only_reads).details().is(200);
    server.seen_by(&only_reads).call("echo", json!({})).is(403);
    only_reads.get("/api/audit").is(403);
    reader.get("/api/mcp/admin/all").is(200);
    reader.get("/api/audit").is(403);

    let viewer = ostler.user("viewer");
    let wide = viewer.post("/api/auth/keys", json!({"name": "wide", "permissions": ["users:manage"]}));
    if wide.status == 201 {
        viewer.with_token(&secret_of(&wide)).get("/api/auth/users").is(403);
    } else {
        wide.any_of(&[403, 422]);
    }
}

#[test]
fn a_key_past_its_time_is_no_key() {
    let ostler = Ostler::spawn();
    let body = json!({"name": "old", "expiresAt": "2020-01-01T00:00:00.000Z"});
    let made = ostler.admin().post("/api/auth/keys", body);
    if made.status == 201 {
        ostler.admin().with_token(&secret_of(&made)).get("/api/mcp").is(401);
    } else {
        made.is(422).has("/errors/0/pointer", "/expiresAt");
    }
}

#[test]
fn an_account_that_is_disabled_or_loses_its_role_feels_it_at_once() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let dana = admin.make_user("dana", "developer");
    let key = dana.make_key(&["mcp:read", "mcp:write"]);
    let path = format!("/api/auth/users/{}", dana.id);

    admin.put(&path, json!({"role": "viewer"})).is(200).has("/role", "viewer");
    eventually("the role is taken away", || (dana.try_register(fake("ok")).status == 403).then_some(()));
    key.try_register(fake("ok")).is(403);

    admin.put(&path, json!({"disabled": true})).is(200);
    within(seconds(2), "its token and key end", || {
        (dana.get("/api/mcp").status == 401 && key.get("/api/mcp").status == 401).then_some(())
    });
    dana.try_log_in(&dana.email, &dana.password).is(401);
}

#[test]
fn removing_an_account_ends_and_removes_its_servers() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let admin = ostler.admin();
    let dana = admin.make_user("dana", "developer");
    let server = dana.running(fake("grandchild"));
    admin.delete(&format!("/api/auth/users/{}", dana.id)).is(204);
    dana.get("/api/auth/me").is(401);
    server.seen_by(&admin).details().problem(404, "server_not_found");
    within(seconds(7), "its processes are gone", || {
        (!ostler.processes().iter().any(|one| one.command.contains("hostile"))).then_some(())
    });
}

#[test]
fn the_last_admin_stays() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let path = format!("/api/auth/users/{}", admin.id);
    admin.put(&path, json!({"role": "viewer"})).is(409);
    admin.put(&path, json!({"disabled": true})).is(409);
    admin.delete(&path).is(409);
    admin.get("/api/auth/users").is(200);
}

#[test]
fn accounts_are_checked_field_by_field() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let good =
        json!({"email": "dana@test.example", "name": "Dana", "password": "long-enough-password", "role": "viewer"});
    let mut answers = vec![];
    for (field, value) in [("email", "no-address"), ("password", "short"), ("role", "emperor")] {
        let mut bad = good.clone();
        bad[field] = json!(value);
        answers.push(admin.post("/api/auth/users", bad).is(422).has("/errors/0/pointer", format!("/{field}")));
    }
    let made = admin.post("/api/auth/users", good.clone()).is(201);
    assert!(!made.text().to_lowercase().contains("argon2"), "{made:?}");
    admin.post("/api/auth/users", good).is(409);
    admin.get(&format!("/api/auth/users/{}", made.string("/id"))).is(200).has("/name", "Dana");
}

#[test]
fn passwords_are_kept_as_argon2id_and_the_rest_as_no_secret_at_all() {
    let ostler = Ostler::spawn();
    let key = ostler.admin().post("/api/auth/keys", json!({"name": "x"})).is(201);
    let mut file = std::fs::read(ostler.setup.database_file()).unwrap();
    let log = ostler.setup.database_file().with_extension("db-wal");
    file.extend(std::fs::read(log).unwrap_or_default());
    let holds = |text: &str| memchr::memmem::find(&file, text.as_bytes()).is_some();
    assert!(holds("$argon2id$"));
    assert!(!holds(ADMIN_PASSWORD));
    assert!(!holds(&secret_of(&key)));
}

#[test]
fn tokens_that_were_tampered_with_are_worth_nothing() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let token = admin.token.clone().unwrap();
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a JWT has three parts");
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let forged = [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}A.{}", parts[0], parts[1], parts[2]),
        format!("{token}.{token}"),
        String::from("Bearer"),
    ];
    for token in forged {
        admin.with_token(&token).get("/api/auth/me").is(401);
    }
}
