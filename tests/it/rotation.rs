//! The secret key of an installation is replaced; however that is cut short, everything stays readable.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::{backends::on_both_databases, processes::environment, *};

const ROTATE: [&str; 2] = ["secrets", "rotate"];

/// Replaces the key; `given` is the new one, on standard input.
fn rotate(setup: &Setup, given: &str) -> Output {
    use std::io::Write;
    let setup = Setup { arguments: ROTATE.map(str::to_owned).into(), ..setup.clone() };
    let mut command = setup.command();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(given.as_bytes());
    child.wait_with_output().unwrap()
}

fn key(ostler: &Ostler) -> String {
    fs::read_to_string(ostler.setup.home.join("data/secret.key")).unwrap()
}

/// An Ostler with something of each kind that is sealed.
fn with_secrets(setup: Setup) -> (Ostler, Server) {
    let ostler = setup.spawn();
    ostler.admin().put("/api/secrets/T", json!({"value": "of-the-store-0123"})).is(201);
    let server = ostler.admin().running(fake("ok").env("NAMED", "${secret:T}").env("OWN", "of-its-own-0123"));
    let headers = json!({"X-Key": "of-a-header-0123"});
    let far = json!({"name": "far", "url": "https://mcp.example.com", "headers": headers, "enabled": false});
    ostler.admin().post("/api/mcp", far).is(201);
    let gone = ostler.admin().register(fake("ok").env("GONE", "of-a-deleted-server"));
    gone.remove().is(204);
    eventually("its listing is known", || (server.tool_names().len() > 5).then_some(()));
    (ostler, server)
}

/// Claims that a start finds everything as it was.
#[track_caller]
fn is_whole(ostler: &mut Ostler, server: &Server) {
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    server.start().is(200);
    let seen = environment(server.pid());
    assert_eq!((&*seen["NAMED"], &*seen["OWN"]), ("of-the-store-0123", "of-its-own-0123"));
    ostler.admin().get("/api/audit/verify").is(200).has("/verified", true).has("/problem", Value::Null);
    assert!(!ostler.setup.home.join("data/secret.key.next").exists());
    assert!(!ostler.errors().contains("cannot be opened"), "listings, too: {}", ostler.errors());
}

on_both_databases! {
    fn everything_is_there_under_the_new_key_and_nothing_under_the_former(setup: Setup) {
        let (mut ostler, server) = with_secrets(setup);
        let program = ostler.admin().make_key(&["mcp:read"]);
        let before = key(&ostler);
        let refused = rotate(&ostler.setup, "");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && text.contains("another Ostler"), "{text}");
        ostler.terminate();
        let done = rotate(&ostler.setup, "");
        assert!(done.status.success(), "{done:?}");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(text.starts_with("the secret key is another: ") && text.contains("audit log head: "), "{text}");
        assert_ne!(key(&ostler), before);
        is_whole(&mut ostler, &server);
        let program = Caller { address: ostler.address, ..program };
        program.get("/api/mcp").is(200);
        ostler.admin().get("/api/audit?action=secrets.rotate").is(200).has("/items/0/actor", "ostler");
        ostler.terminate();
        let former = Setup { arguments: vec!["serve".into()], ..ostler.setup.clone() };
        let former = former.env("OSTLER_SECRET_KEY", before.trim()).command().output().unwrap();
        let text = String::from_utf8_lossy(&former.stderr).into_owned();
        assert!(!former.status.success() && text.contains("OSTLER_SECRET_KEY"), "{text}");
    }
}

#[test]
fn a_configured_key_gives_way_to_one_on_standard_input() {
    let keys = ["k3yZ-of-n0body-but-this-one-test-9f8e7d6c5b4a", "an0th3r-k3y-of-this-test-al0ne-7a6b5c4d3e2f1"];
    let (mut ostler, server) = with_secrets(Setup::new().env("OSTLER_SECRET_KEY", keys[0]));
    ostler.terminate();
    let short = rotate(&ostler.setup, "short\n");
    assert_eq!(short.status.code(), Some(64), "{short:?}");
    let done = rotate(&ostler.setup, &format!("{}\n", keys[1]));
    assert!(done.status.success(), "{done:?}");
    ostler.setup = ostler.setup.clone().env("OSTLER_SECRET_KEY", keys[1]);
    is_whole(&mut ostler, &server);
}

#[test]
fn an_audit_log_that_does_not_verify_is_not_vouched_for_by_a_new_key() {
    let (mut ostler, server) = with_secrets(Setup::new());
    ostler.terminate();
    let before = key(&ostler);
    let mut db = SqliteConnection::establish(ostler.setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute("UPDATE audit_logs SET actor = 'eve' WHERE action = 'secret.set'").unwrap();
    drop(db);
    let refused = rotate(&ostler.setup, "");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && text.contains("does not verify"), "{text}");
    assert_eq!(key(&ostler), before);
    assert!(!ostler.setup.home.join("data/secret.key.next").exists());
    ostler.start_again();
    ostler.admin().server(&server.id).start().is(200);
}

#[test]
fn the_next_start_completes_what_was_committed_and_takes_back_what_was_not() {
    let (mut ostler, server) = with_secrets(Setup::new());
    ostler.terminate();
    let data = ostler.setup.home.join("data");
    let (file, next) = (data.join("secret.key"), data.join("secret.key.next"));
    let (former, head) = (key(&ostler), fs::read_to_string(data.join("audit.head")).unwrap());
    fs::write(&next, "a-key-that-n0thing-was-ever-sealed-with-5f4e3d2c1b").unwrap();
    is_whole(&mut ostler, &server);
    assert_eq!(key(&ostler), former);
    ostler.terminate();
    assert!(rotate(&ostler.setup, "").status.success());
    let new = key(&ostler);
    fs::rename(&file, &next).unwrap();
    fs::write(&file, &former).unwrap();
    fs::write(data.join("audit.head"), head).unwrap();
    is_whole(&mut ostler, &server);
    assert_eq!(key(&ostler), new);
}

#[test]
fn a_rotation_killed_at_any_step_leaves_everything_readable() {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        return absent("strace is not installed, or may not be used here");
    }
    let (mut ostler, server) = with_secrets(Setup::new());
    ostler.terminate();
    let (mut kills, mut keys) = (0, vec![key(&ostler)]);
    for call in ["fsync", "rename", "link", "unlink"] {
        for number in 1.. {
            let is_killed = is_killed_at(&ostler.setup, call, number);
            is_whole(&mut ostler, &server);
            ostler.terminate();
            keys.push(key(&ostler));
            if !is_killed {
                break;
            }
            kills += 1;
        }
    }
    keys.dedup();
    assert!(kills > 6, "only {kills} steps");
    assert!((6..kills + 5).contains(&keys.len()), "some were carried out and some were not: {} of {kills}", keys.len());
}

/// True where it came as far as that step, at which it is killed.
fn is_killed_at(setup: &Setup, call: &str, number: usize) -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]).arg(&setup.program).args(ROTATE);
    command.env_clear().envs(&setup.environment).current_dir(&setup.home).stdin(Stdio::null());
    !command.output().unwrap().status.success()
}
