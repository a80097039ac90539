//! API keys: what becomes of those made with another, their names and secrets, and who may end them.

use crate::support::{backends::on_both_databases, caller::secret_of, processes::alive, *};

/// A key just made.
struct Key {
    id: String,
    caller: Caller,
}

impl Key {
    #[track_caller]
    fn make(maker: &Caller, name: &str) -> Self {
        Self::made(maker, &maker.post("/api/auth/keys", json!({"name": name})).is(201))
    }

    fn made(maker: &Caller, answer: &Answer) -> Self {
        Self { id: answer.string("/id"), caller: maker.with_token(&secret_of(answer)) }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/auth/keys/{}{rest}", self.id)
    }

    #[track_caller]
    fn works(&self) {
        self.caller.get("/api/auth/me").is(200);
    }

    #[track_caller]
    fn has_ended(&self) {
        self.caller.get("/api/auth/me").problem(401, "unauthenticated");
    }
}

on_both_databases! {
    fn keys_end_with_the_key_they_were_made_with_however_far_down(setup: Setup) {
        let ostler = setup.spawn();
        let dana = ostler.user("developer");
        let first = Key::make(&dana, "first");
        let second = Key::make(&first.caller, "second");
        let third = Key::make(&second.caller, "third");
        let other = Key::make(&dana, "other");
        let listed = dana.get("/api/auth/keys").is(200);
        listed.has("/items/0/parentId", Value::Null).has("/items/1/parentId", first.id.as_str());
        dana.delete(&first.path("")).is(204);
        [&first, &second, &third].into_iter().for_each(Key::has_ended);
        other.works();
        assert_eq!(dana.get("/api/auth/keys").is(200).list("/items").len(), 1);
    }

    fn a_keys_own_process_ends_with_the_key_that_made_it_and_with_a_password(setup: Setup) {
        let ostler = setup.spawn();
        let dana = ostler.user("admin");
        let server = dana.running(fake("ok").set("isolation", json!("per-session")));
        let pid = |key: &Key| server.seen_by(&key.caller).call("pid", json!({})).is(200).said().parse::<u32>().unwrap();
        let parent = Key::make(&dana, "parent");
        let (child, other) = (Key::make(&parent.caller, "child"), Key::make(&dana, "other"));
        let [of_child, of_other] = [&child, &other].map(pid);
        dana.delete(&parent.path("")).is(204);
        eventually("the process of the key made with it ends", || (!alive(of_child)).then_some(()));
        assert_eq!(pid(&other), of_other);
        let password = json!({"password": "set by an administrator"});
        ostler.admin().put(&format!("/api/auth/users/{}", dana.id), password).is(200);
        eventually("the process of the other key ends", || (!alive(of_other)).then_some(()));
    }

    fn a_key_that_is_rotated_has_another_secret_and_nothing_that_was_made_with_it(setup: Setup) {
        let ostler = setup.spawn();
        let dana = ostler.user("developer");
        let key = Key::make(&dana, "nightly");
        let child = Key::make(&key.caller, "child");
        key.works();
        let rotated = dana.press(&key.path("/rotate")).is(200).has("/id", key.id.as_str()).has("/name", "nightly");
        let rotated = Key::made(&dana, &rotated);
        rotated.works();
        [&key, &child].into_iter().for_each(Key::has_ended);
        let own = rotated.caller.press(&key.path("/rotate")).is(200);
        rotated.has_ended();
        Key::made(&dana, &own).works();
    }
}

#[test]
fn a_key_made_with_a_key_ends_no_later() {
    let ostler = Ostler::spawn();
    let dana = ostler.user("developer");
    let end = "2099-01-01T00:00:00.000Z";
    let short = dana.post("/api/auth/keys", json!({"name": "short", "expiresAt": end})).is(201);
    let short = Key::made(&dana, &short);
    short.caller.post("/api/auth/keys", json!({"name": "child"})).is(201).has("/expiresAt", end);
    let later = json!({"name": "later", "expiresAt": "2199-01-01T00:00:00.000Z"});
    short.caller.post("/api/auth/keys", later).is(201).has("/expiresAt", end);
}

#[test]
fn keys_of_one_account_have_names_of_their_own() {
    let ostler = Ostler::spawn();
    let (dana, eve) = (ostler.user("developer"), ostler.user("viewer"));
    let (one, other) = (Key::make(&dana, "one"), Key::make(&dana, "other"));
    Key::make(&eve, "one").works();
    dana.post("/api/auth/keys", json!({"name": " one "})).problem(409, "conflict");
    dana.put(&other.path(""), json!({"name": "one"})).problem(409, "conflict");
    dana.put(&one.path(""), json!({"name": "one"})).is(200);
    dana.put(&one.path(""), json!({"name": "another"})).is(200).has("/name", "another");
    dana.put(&other.path(""), json!({"name": "one"})).is(200);
    dana.put(&other.path(""), json!({"name": ""})).is(422).has("/errors/0/pointer", "/name");
    other.works();
}

#[test]
fn a_key_changes_itself_and_no_other() {
    let ostler = Ostler::spawn();
    let (dana, eve) = (ostler.user("developer"), ostler.user("viewer"));
    let (one, other) = (Key::make(&dana, "one"), Key::make(&dana, "other"));
    one.caller.put(&one.path(""), json!({"name": "me"})).is(200);
    one.caller.put(&other.path(""), json!({"name": "it"})).problem(403, "forbidden");
    one.caller.press(&other.path("/rotate")).problem(403, "forbidden");
    one.caller.delete(&other.path("")).problem(403, "forbidden");
    for (method, rest) in [("PUT", ""), ("POST", "/rotate"), ("DELETE", "")] {
        eve.ask(method, &one.path(rest)).json(&json!({"name": "hers"})).send().problem(404, "key_not_found");
    }
    [&one, &other].into_iter().for_each(Key::works);
}

#[test]
fn who_manages_accounts_sees_and_ends_the_keys_of_others() {
    let ostler = Ostler::spawn();
    let (admin, dana, eve) = (ostler.admin(), ostler.user("developer"), ostler.user("viewer"));
    let key = Key::make(&dana, "forgotten");
    let keys = format!("/api/auth/keys?userId={}", dana.id);
    eve.get(&keys).problem(403, "forbidden");
    let listed = admin.get(&keys).is(200).has("/items/0/id", key.id.as_str()).has("/items/0/name", "forgotten");
    assert!(!listed.text().contains(key.caller.token.as_ref().unwrap()), "{listed:?}");
    admin.get("/api/auth/keys?userId=01a22590-0000-7000-8000-000000000000").problem(404, "user_not_found");
    dana.get(&keys).is(200).has("/items/0/id", key.id.as_str());
    admin.put(&key.path(""), json!({"name": "x"})).problem(404, "key_not_found");
    admin.delete(&key.path("")).is(204);
    key.has_ended();
    let of_an_admin = Key::make(&admin, "hers");
    let manager = admin.make_key(&["users:manage"]);
    let colleague = admin.make_user("other", "admin");
    let narrow = Key::made(
        &colleague,
        &colleague.post("/api/auth/keys", json!({"name": "n", "permissions": ["users:manage"]})).is(201),
    );
    narrow.caller.delete(&of_an_admin.path("")).problem(403, "forbidden");
    of_an_admin.works();
    manager.delete(&Key::make(&dana, "again").path("")).is(204);
}

#[test]
fn a_new_password_ends_the_keys_where_that_is_wanted_and_a_reset_always() {
    let ostler = Ostler::spawn();
    let dana = ostler.user("developer");
    let key = Key::make(&dana, "script");
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    dana.put("/api/auth/me/password", change(&dana.password, "a-second-password")).is(204);
    key.works();
    let dana = dana.log_in(&dana.email, "a-second-password");
    let mut all = change("a-second-password", "a-third-password");
    all["revokeKeys"] = json!(true);
    dana.put("/api/auth/me/password", all).is(204);
    key.has_ended();
    let dana = dana.log_in(&dana.email, "a-third-password");
    let key = Key::make(&dana, "script");
    let account = format!("/api/auth/users/{}", dana.id);
    ostler.admin().put(&account, json!({"disabled": true})).is(200);
    key.has_ended();
    ostler.admin().put(&account, json!({"disabled": false})).is(200);
    key.works();
    ostler.admin().put(&account, json!({"password": "a-fourth-password"})).is(200);
    key.has_ended();
}
