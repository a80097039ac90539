//! A database that is not where its name leads: nothing more is acknowledged, and no other one takes its place
//! unnoticed.

mod overwritten;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::Output,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use rustix::process::geteuid;

use crate::support::{self, backends::on_both_databases, *};

/// A copy as `sqlite3 FILE .backup` makes it.
fn back_up(setup: &Setup) -> std::path::PathBuf {
    let copy = setup.home.join("backup.db");
    let mut db = SqliteConnection::establish(setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
    copy
}

/// Claims that nothing is acknowledged any more, that it says why, once, and that no tool runs without a record.
#[track_caller]
fn acknowledges_nothing(ostler: &Ostler, server: &Server, why: &str) {
    let counter = ostler.setup.servers_dir().join("counted");
    let count = || fs::read_to_string(&counter).unwrap_or_default().lines().count();
    let before = count();
    let call = || server.call("count", json!({"file": counter.to_str().unwrap()})).problem(503, "store_unavailable");
    (0..5).for_each(|_| assert!(call().text().contains(why), "{:?}", call()));
    assert!(count() <= before + 1, "it went on calling what it cannot record");
    server.caller.post("/api/auth/keys", json!({"name": "key"})).problem(503, "store_unavailable");
    let ready = ostler.anonymous().get("/readyz").problem(503, "not_ready");
    assert!(ready.text().contains(why), "{ready:?}");
    let log = eventually("it says so", || Some(ostler.errors()).filter(|log| log.contains("calls are refused")));
    assert_eq!(log.matches("calls are refused").count(), 1, "{log}");
}

fn counting() -> (Ostler, Server) {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").uncontained());
    server.call("echo", json!({"message": "before"})).is(200);
    (ostler, server)
}

#[test]
fn a_database_that_is_removed_is_no_place_for_records_and_the_next_start_says_so() {
    let (mut ostler, server) = counting();
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(ostler.setup.home.join(format!("data/ostler.db{end}"))).unwrap();
    }
    acknowledges_nothing(&ostler, &server, "removed or replaced");
    assert_eq!(ostler.terminate().code(), Some(0));
    assert!(!ostler.setup.database_file().exists(), "an empty one was made");
    is_refused(&ostler.setup, "start over");
    assert!(!ostler.setup.database_file().exists(), "an empty one was made");
}

#[test]
fn a_database_that_is_replaced_while_ostler_runs_is_used_by_the_next_start_alone() {
    let (mut ostler, server) = counting();
    let backup = back_up(&ostler.setup);
    let later = ostler.admin().register(fake("ok"));
    fs::rename(backup, ostler.setup.database_file()).unwrap();
    acknowledges_nothing(&ostler, &server, "removed or replaced");
    assert_eq!(ostler.terminate().code(), Some(0));
    ostler.start_again();
    ostler.admin().get(&later.path("")).problem(404, "server_not_found");
    ostler.admin().server(&server.id).details().is(200);
}

#[test]
fn a_database_that_comes_back_takes_records_again() {
    let (ostler, server) = counting();
    for name in ["data/ostler.db", "data/ostler.db-wal", "data/ostler.db-shm", "data"] {
        let (here, away) = (ostler.setup.home.join(name), ostler.setup.home.join("away"));
        fs::rename(&here, &away).unwrap();
        eventually("calls are refused", || (server.call("echo", json!({"message": "x"})).status == 503).then_some(()));
        fs::rename(&away, &here).unwrap();
        eventually("it is ready", || (ostler.anonymous().get("/readyz").status == 200).then_some(()));
        server.call("echo", json!({"message": "after"})).is(200);
    }
    server.logs().is(200);
}

#[test]
fn a_link_that_is_turned_to_another_database_is_noticed() {
    let setup = Setup::new();
    let (link, first) = (setup.home.join("link.db"), setup.home.join("first.db"));
    fs::write(&first, "").unwrap();
    symlink(&first, &link).unwrap();
    let ostler = setup.database(&format!("sqlite://{}", link.display())).spawn();
    let server = ostler.admin().running(fake("ok").uncontained());
    fs::remove_file(&link).unwrap();
    symlink(ostler.setup.home.join("second.db"), &link).unwrap();
    acknowledges_nothing(&ostler, &server, "removed or replaced");
}

/// Tries to start it; it must refuse, with these words.
#[track_caller]
fn is_refused(setup: &Setup, words: &str) {
    let Output { status, stdout, stderr } = setup.command().output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(matches!(status.code(), Some(1 | 64)) && stdout.is_empty(), "{status}: {said}");
    assert!(said.contains(words), "no {words:?} in {said}");
}

on_both_databases! {
    fn an_empty_database_in_place_of_one_that_was_used_is_refused_until_a_new_beginning_is_asked_for(setup: Setup) {
        let mut ostler = setup.spawn();
        ostler.admin().register(fake("ok"));
        ostler.terminate();
        // As after `ostler migrate` with a wrong DATABASE_URL: there is a schema, and nothing in it.
        let empty = Setup { arguments: vec!["migrate".into()], ..ostler.setup.clone() };
        let url = format!("sqlite://{}", ostler.setup.home.join("other.db").display());
        assert!(empty.database(&url).command().output().unwrap().status.success());
        let right = ostler.setup.environment["DATABASE_URL"].clone();
        ostler.setup = ostler.setup.clone().database(&url);
        is_refused(&ostler.setup, "is empty");
        ostler.setup = ostler.setup.clone().database(&right);
        ostler.start_again();
        assert_eq!(ostler.admin().get("/api/mcp").list("/items").len(), 1);
        ostler.terminate();

        fs::remove_file(ostler.setup.home.join("data/installation")).unwrap();
        ostler.setup = ostler.setup.clone().database(&url);
        ostler.start_again();
        assert_eq!(ostler.admin().get("/api/mcp").list("/items").len(), 0);
    }

    fn a_key_that_is_missing_is_asked_for_and_none_is_made_in_its_place(setup: Setup) {
        let mut ostler = setup.spawn();
        ostler.admin().register(fake("ok"));
        ostler.terminate();
        let key = ostler.setup.home.join("data/secret.key");
        let away = ostler.setup.home.join("away");
        fs::rename(&key, &away).unwrap();
        is_refused(&ostler.setup, "secret.key: is missing");
        assert!(!key.exists(), "another was made");
        fs::rename(&away, &key).unwrap();
        ostler.start_again();
    }
}

#[test]
fn a_data_folder_that_is_none_is_called_what_it_is() {
    let refused = |make: &dyn Fn(&Path), words: &str| {
        let setup = Setup::new();
        make(&setup.home.join("data"));
        is_refused(&setup, words);
        fs::remove_dir_all(&setup.home).unwrap();
    };
    refused(&|path| fs::write(path, "").unwrap(), "is no folder");
    refused(&|path| symlink("nowhere", path).unwrap(), "is a link that leads nowhere");
}

#[test]
fn a_database_that_is_none_is_called_what_it_is() {
    let refused = |setup: Setup, make: &dyn Fn(&Path), words: &str| {
        let file = setup.database_file();
        fs::create_dir(file.parent().unwrap()).unwrap();
        chown(file.parent().unwrap(), setup.user, setup.user).unwrap();
        make(&file);
        is_refused(&setup, &format!("its file {words}"));
        fs::remove_dir_all(&setup.home).unwrap();
    };
    refused(Setup::new(), &|file| fs::create_dir(file).unwrap(), "is a folder");
    refused(Setup::new(), &|file| symlink("nowhere", file).unwrap(), "is a link that leads nowhere");
    if !geteuid().is_root() {
        return support::absent("this user may own no file of another");
    }
    let Some(unprivileged) = Setup::unprivileged() else { return };
    let owned =
        |file: &Path| fs::write(file, "").and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o600)));
    let words = "cannot be read and written (Permission denied (os error 13); user 0 owns it, not user 65534)";
    refused(unprivileged, &|file| owned(file).unwrap(), words);
}
