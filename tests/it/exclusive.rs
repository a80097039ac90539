//! One Ostler per database: a second one does not start, says why, and harms nobody.

use std::process::Output;

use crate::support::{backends::on_both_databases, *};

/// Tries to start another Ostler with a data folder of its own on this database.
fn rival(database: &str) -> Output {
    let setup = Setup::new().database(database);
    let output = setup.command().output().unwrap();
    assert!(processes::tagged(&setup.tag).is_empty(), "it started something");
    std::fs::remove_dir_all(&setup.home).unwrap();
    output
}

/// Claims that the second one ended at once, and that its words help.
#[track_caller]
fn is_refused(output: &Output, names: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(output.stdout.is_empty(), "it must not listen");
    for part in ["another Ostler uses the database", names, "DATABASE_URL"] {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
}

on_both_databases! {
    fn a_second_ostler_on_the_same_database_does_not_start_until_the_first_has_ended(setup: Setup) {
        let mut first = setup.spawn();
        let server = first.admin().running(fake("ok").enabled());
        let url = first.setup.environment["DATABASE_URL"].clone();
        let name = url.split('?').next().unwrap().to_owned();
        is_refused(&rival(&url), &name);
        server.call("echo", json!({"message": "x"})).is(200);

        // By SIGKILL, so that nobody lets go of the lock in good order.
        first.kill();
        let key = std::fs::read_to_string(first.setup.home.join("data/secret.key")).unwrap();
        let second = Setup::new().database(&url).env("OSTLER_SECRET_KEY", key.trim()).spawn();
        second.admin().server(&server.id).becomes("running");
        is_refused(&first.setup.command().output().unwrap(), &name);
    }

    fn migrations_run_beside_an_ostler_that_serves(setup: Setup) {
        let ostler = setup.spawn();
        let migrate = Setup { arguments: vec!["migrate".into()], ..ostler.setup.clone() };
        assert!(migrate.command().output().unwrap().status.success());
    }
}

#[test]
fn a_link_to_a_database_leads_to_the_same_lock() {
    let first = Ostler::spawn();
    let link = first.setup.home.join("link.db");
    std::os::unix::fs::symlink(first.setup.database_file(), &link).unwrap();
    is_refused(&rival(&format!("sqlite://{}", link.display())), "link.db");
}

#[test]
#[cfg(feature = "postgres")]
fn a_lock_that_postgresql_lost_is_taken_again_and_no_call_fails_for_it() {
    use diesel::{Connection, PgConnection, RunQueryDsl, dsl::sql, sql_types::BigInt};

    let Some(url) = postgres::database() else { return };
    let ostler = Setup::new().database(&url).spawn();
    let server = ostler.admin().running(fake("ok"));
    let mut admin = PgConnection::establish(&url).unwrap();
    let mut ask = |question: &str| diesel::select(sql::<BigInt>(question)).get_result::<i64>(&mut admin).unwrap();
    let locks = "FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    let holder = format!("(SELECT coalesce(max(pid), 0)::bigint {locks})");
    let before = ask(&holder);
    assert_ne!(before, 0);

    assert_eq!(ask(&format!("(SELECT count(pg_terminate_backend(pid)) {locks})")), 1);
    let call = || server.call("echo", json!({"message": "x"})).is(200);
    eventually("another connection holds it", || {
        call();
        let now = ask(&holder);
        (now != 0 && now != before).then_some(())
    });
    is_refused(&rival(&url), "postgres://");
}
