//! The exact command line of every program is in the audit log before it is run.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::{backends::on_both_databases, processes::kill, server::hostile_server, *};

const SECRET: &str = "a-token-that-is-nobodys-business";

/// Entries of an action about a server, the oldest first.
fn entries(server: &Server, action: &str) -> Vec<Value> {
    let found = server.caller.get(&format!("/api/audit?action={action}&target={}", server.id)).is(200);
    found.list("/items").iter().rev().cloned().collect()
}

fn detail(entry: &Value) -> &str {
    entry["detail"].as_str().unwrap()
}

/// True, as it were, once another process of a server takes calls.
fn comes_back(server: &Server, before: u32) -> Option<()> {
    let details = server.details();
    let state = |field: &str| details.at(&format!("/runtimeStatus/{field}")).clone();
    (state("status") == "running" && state("pid") != before).then_some(())
}

on_both_databases! {
    fn every_start_of_a_program_is_on_record_with_its_command_line_and_without_secrets(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let server = admin.running(fake_with("ok", &["--token", SECRET, "two words"]).env("SUBJECT_TOKEN", SECRET));
        let [first] = &entries(&server, "server.spawn")[..] else { panic!("one start, one entry") };
        let program = hostile_server();
        let words = format!(r#"["{}","ok","--token","***","two words"] in "#, program.display());
        assert!(detail(first).starts_with(&words), "{first}");
        assert!(detail(first).contains("SUBJECT_TOKEN") && detail(first).contains("PATH"), "{first}");
        assert_eq!((&first["actor"], &first["credential"]), (&json!("ostler"), &json!("ostler")));

        // Whoever asked for it comes before.
        let log = admin.get(&format!("/api/audit?target={}", server.id)).is(200);
        let order: Vec<_> = log.list("/items").iter().rev().map(|one| one["action"].as_str().unwrap()).collect();
        assert_eq!(order, ["server.create", "server.start", "server.spawn"], "{log:?}");
        assert!(log.list("/items")[1]["credential"].as_str().unwrap().starts_with("session:"), "{log:?}");

        let before = server.pid();
        kill(before);
        eventually("it is ready again", || comes_back(&server, before));
        let [again] = &entries(&server, "server.respawn")[..] else { panic!("one restart, one entry") };
        assert_eq!(detail(again), detail(first));

        server.change(json!({"args": ["ok", "changed"]})).is(200);
        eventually("the change is on record", || {
            let spawned = entries(&server, "server.spawn");
            (spawned.len() == 2 && detail(&spawned[1]).contains(r#""ok","changed"]"#)).then_some(())
        });
        assert!(!admin.get("/api/audit?limit=100").is(200).text().contains(SECRET));
        admin.get("/api/audit/verify").is(200).has("/verified", true);
    }
}

#[test]
fn a_program_whose_start_cannot_be_put_on_record_is_not_run() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let before = server.pid();
    let mut holder = SqliteConnection::establish(ostler.setup.database_file().to_str().unwrap()).unwrap();
    holder.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").unwrap();
    kill(before);
    eventually("it says why it is not started", || {
        ostler.errors().contains("could not be put on record in the audit log").then_some(())
    });
    assert_ne!(server.status(), "running");
    holder.batch_execute("ROLLBACK").unwrap();
    eventually("it is started", || comes_back(&server, before));
}
