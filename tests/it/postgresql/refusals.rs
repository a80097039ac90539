//! What cannot work is refused at the start with its reason, and with what to do.

use super::*;
use crate::support::{postgres, *};

/// The last words of an Ostler that does not start.
#[track_caller]
fn refusal(url: &str, code: i32) -> String {
    let setup = Setup::new().database(url);
    let output = setup.command().output().unwrap();
    std::fs::remove_dir_all(&setup.home).unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words}");
    words.trim_end().lines().last().unwrap_or_default().to_owned()
}

/// The address with another database, and with more options.
fn changed(url: &str, database: &str, options: &str) -> String {
    let (place, query) = url.split_once('?').unwrap();
    let (place, own) = place.rsplit_once('/').unwrap();
    let database = if database.is_empty() { own } else { database };
    format!("{place}/{database}?{query}{options}")
}

#[test]
fn the_last_line_names_what_is_wrong_with_the_address() {
    let Some(url) = postgres::database() else { return };
    let last = refusal(&changed(&url, "nowhere", ""), 1);
    assert!(last.contains("there is no such database") && last.contains("nowhere"), "{last}");
    let last = refusal(&as_user(&url, "nobody_at_all"), 1);
    assert!(last.contains("it refuses the login") && last.contains("nobody_at_all"), "{last}");
    let last = refusal(&changed(&url, "", "&sslmode=tls&service=x&connect_timeout=soon"), 64);
    for part in ["sslmode", "service", "connect_timeout"] {
        assert!(last.contains(part), "{part}: {last}");
    }
    let last = refusal("postgres://me:q/w?k=z@127.0.0.1/n", 64);
    assert!(last.contains("percent-encoded") && !last.contains("***"), "{last}");

    run(&url, "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0");
    let last = refusal(&as_user(&url, "crowded"), 1);
    assert!(last.contains("it has too many connections"), "{last}");
    run(&url, "DROP ROLE crowded");
}

#[test]
fn an_encoding_that_cannot_hold_every_text_is_refused() {
    let Some(url) = postgres::database() else { return };
    let other = |encoding: &str| {
        let name = format!("{}_{encoding}", url.split('?').next().unwrap().rsplit_once('/').unwrap().1).to_lowercase();
        run(&url, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"));
        changed(&url, &name, "")
    };
    let last = refusal(&other("LATIN1"), 1);
    assert!(last.contains("its encoding is LATIN1") && last.contains("ENCODING 'UTF8'"), "{last}");
    open(&other("SQL_ASCII")).unwrap();
}

#[test]
fn a_role_with_rights_on_rows_alone_serves_what_its_owner_migrated() {
    let Some(url) = postgres::database() else { return };
    let role = format!("dml_{}", uuid::Uuid::new_v4().simple());
    run(&url, &format!("CREATE ROLE {role} LOGIN"));
    let dml = as_user(&url, &role);
    let last = refusal(&dml, 1);
    assert!(last.contains("schema public") && last.contains("GRANT"), "{last}");

    open(&url).unwrap().migrate().unwrap();
    let last = refusal(&dml, 1);
    assert!(last.contains("__diesel_schema_migrations") && last.contains("GRANT"), "{last}");

    run(&url, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    let ostler = Setup::new().database(&dml).spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({"message": "x"})).is(200);
    assert_eq!(server.logs().list("/items").len(), 1);
}
