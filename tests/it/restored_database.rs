//! A backup put in the place of a database whose log was left behind: refused in plain words, and nothing overwritten.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::*;

pub(crate) fn beside(setup: &Setup, end: &str) -> PathBuf {
    setup.home.join(format!("data/ostler.db{end}"))
}

pub(crate) fn remove_log(setup: &Setup) {
    for end in ["-wal", "-shm"] {
        fs::remove_file(beside(setup, end)).unwrap();
    }
}

pub(crate) fn sql(setup: &Setup, statement: &str) {
    let mut db = SqliteConnection::establish(setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute(statement).unwrap();
}

/// A copy with the same pages, as `sqlite3 FILE .backup` makes it.
fn back_up(setup: &Setup) -> PathBuf {
    let copy = setup.home.join("backup.db");
    let mut db = SqliteConnection::establish(setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE); BEGIN IMMEDIATE").unwrap();
    fs::copy(setup.database_file(), &copy).unwrap();
    db.batch_execute("ROLLBACK").unwrap();
    drop(db);
    is_seen(setup);
    copy
}

/// Waits until an Ostler that runs has seen what another program wrote to the file, which it looks for each second.
#[track_caller]
pub(crate) fn is_seen(setup: &Setup) {
    let stamp = || fs::read_to_string(beside(setup, ".ostler-lock")).unwrap();
    let changed = || fs::metadata(setup.database_file()).unwrap().mtime_nsec();
    let is_settled = |stamp: &str| stamp.contains("Settled") || stamp.contains("Closed");
    eventually("Ostler has seen it", || {
        let stamp = stamp();
        (is_settled(&stamp) && stamp.contains(&format!("\"nanos_since_epoch\":{}}}", changed()))).then_some(())
    });
}

fn calls(server: &Server, count: usize, bytes: usize) {
    (0..count).for_each(|_| drop(server.call("echo", json!({"message": "x".repeat(bytes)})).is(200)));
}

type Way = (&'static str, fn(&Path, &Path));

/// The ways to put a backup in the place of a file, of which each leaves other traces.
const WAYS: [Way; 4] = [
    ("cp", |from, to| assert!(fs::copy(from, to).unwrap() > 0)),
    ("cp -p", |from, to| {
        assert!(Command::new("cp").arg("-p").args([from, to]).status().unwrap().success());
    }),
    ("mv", |from, to| fs::rename(from, to).unwrap()),
    ("rm, cp", |from, to| {
        fs::remove_file(to).unwrap();
        fs::copy(from, to).unwrap();
    }),
];

/// Claims that it does not start, says why, and leaves both files; and that it starts as soon as it did what it was
/// told.
#[track_caller]
fn is_refused(ostler: &mut Ostler, way: &str) {
    let before = [fs::read(beside(&ostler.setup, "")).unwrap(), fs::read(beside(&ostler.setup, "-wal")).unwrap()];
    for _ in 0..2 {
        let output = ostler.setup.command().output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{way}: {words}");
        assert!(words.contains("do not belong together") && words.contains("-wal"), "{way}: {words}");
    }
    let after = [fs::read(beside(&ostler.setup, "")).unwrap(), fs::read(beside(&ostler.setup, "-wal")).unwrap()];
    assert!(before == after, "{way}: something was written to");
    let migrated = Setup { arguments: vec!["migrate".into()], ..ostler.setup.clone() }.command().output().unwrap();
    assert_eq!(migrated.status.code(), Some(1), "{way}: {migrated:?}");
    remove_log(&ostler.setup);
    ostler.start_again();
}

/// The servers there are, by name.
fn names(ostler: &Ostler) -> Vec<String> {
    let servers = ostler.admin().get("/api/mcp").is(200);
    let mut names: Vec<_> = servers.list("/items").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_the_run_before_beside_a_log_of_this_one_is_refused() {
    for (way, put) in WAYS {
        let mut ostler = Ostler::spawn();
        calls(&ostler.admin().running(fake("ok").named("a")), 40, 3000);
        let backup = back_up(&ostler.setup);
        calls(&ostler.admin().running(fake("ok").named("b")), 60, 5000);
        ostler.terminate();
        ostler.start_again();
        calls(&ostler.admin().running(fake("ok").named("c")), 12, 300);
        ostler.kill();
        put(&backup, &ostler.setup.database_file());
        is_refused(&mut ostler, way);
        assert_eq!(names(&ostler), ["a"], "{way}");
    }
}

#[test]
fn a_backup_of_the_same_run_beside_its_log_is_refused() {
    for (way, put) in WAYS {
        let mut ostler = Ostler::spawn();
        let a = ostler.admin().running(fake("ok").named("a"));
        calls(&a, 4, 3000);
        let backup = back_up(&ostler.setup);
        calls(&ostler.admin().running(fake("ok").named("b")), 6, 5000);
        a.remove().is(204);
        ostler.kill();
        put(&backup, &ostler.setup.database_file());
        is_refused(&mut ostler, way);
        assert_eq!(names(&ostler), ["a"], "{way}");
    }
}

#[test]
fn a_folder_restored_over_one_that_has_a_log_is_refused() {
    let mut ostler = Ostler::spawn();
    ostler.admin().register(fake("ok").named("a"));
    ostler.terminate();
    let (data, backup) = (ostler.setup.home.join("data"), ostler.setup.home.join("backup"));
    copy_folder(&data, &backup);
    // Empty, and there only where a connection was not closed before the end.
    for log in ["ostler.db-wal", "ostler.db-shm"] {
        let _ = fs::remove_file(backup.join(log));
    }
    ostler.start_again();
    calls(&ostler.admin().running(fake("ok").named("b")), 3, 3000);
    ostler.kill();
    copy_folder(&backup.join("."), &data);
    is_refused(&mut ostler, "cp -r");
    assert_eq!(names(&ostler), ["a"]);
}

#[track_caller]
fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn whole_folders_and_closed_databases_are_restored_without_a_question() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").named("a"));
    calls(&server, 30, 3000);
    // Of a living Ostler, with its log.
    let (data, backup) = (ostler.setup.home.join("data"), ostler.setup.home.join("backup"));
    copy_folder(&data, &backup);
    ostler.admin().register(fake("ok").named("b"));
    ostler.kill();
    for flags in ["-r", "-a"] {
        fs::remove_dir_all(&data).unwrap();
        assert!(Command::new("cp").arg(flags).args([&backup, &data]).status().unwrap().success());
        ostler.start_again();
        assert_eq!(names(&ostler), ["a"], "cp {flags}");
        ostler.kill();
    }
    ostler.start_again();
    let single = back_up(&ostler.setup);
    ostler.admin().register(fake("ok").named("c"));
    ostler.terminate();
    fs::copy(single, ostler.setup.database_file()).unwrap();
    ostler.start_again();
    assert_eq!(names(&ostler), ["a"]);
}

#[test]
fn what_others_did_with_sqlite_is_no_reason_to_refuse() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").named("a"));
    calls(&server, 30, 30_000);
    sql(&ostler.setup, "PRAGMA busy_timeout = 5000; VACUUM; PRAGMA wal_checkpoint(PASSIVE)");
    is_seen(&ostler.setup);
    calls(&server, 1, 30);
    ostler.kill();
    ostler.start_again();
    ostler.kill();
    // Somebody looks at what is left, and so folds the log in.
    sql(&ostler.setup, "SELECT count(*) FROM users");
    ostler.start_again();
    assert_eq!(names(&ostler), ["a"]);
}

#[test]
fn a_log_that_makes_a_damaged_database_is_found_before_anything_is_served() {
    let mut ostler = Ostler::spawn();
    calls(&ostler.admin().running(fake("ok").named("a")), 40, 3000);
    let backup = back_up(&ostler.setup);
    calls(&ostler.admin().running(fake("ok").named("b")), 60, 5000);
    ostler.terminate();
    ostler.start_again();
    calls(&ostler.admin().running(fake("ok").named("c")), 12, 300);
    ostler.kill();
    fs::copy(backup, ostler.setup.database_file()).unwrap();
    // As where an Ostler from before there were stamps had run.
    fs::remove_file(beside(&ostler.setup, ".ostler-lock")).unwrap();
    let log = fs::read(beside(&ostler.setup, "-wal")).unwrap();
    let output = ostler.setup.command().output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("all of it is checked") && words.contains("is damaged"), "{words}");
    assert!(words.lines().last().unwrap().contains("-wal"), "{words}");
    assert!(log == fs::read(beside(&ostler.setup, "-wal")).unwrap(), "the log is gone");
    remove_log(&ostler.setup);
    ostler.start_again();
    assert_eq!(names(&ostler), ["a"]);
}

/// What a run does to its files: checkpoints, a cut log, and a clean end.
const STEPS: [&str; 6] = ["pwrite64", "fdatasync", "fsync", "utimensat", "ftruncate", "unlink"];

#[test]
fn an_ostler_killed_at_any_step_starts_again() {
    let can_trace = Command::new("strace").args(["-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]).status();
    if !can_trace.is_ok_and(|status| status.success()) {
        return absent("strace is not installed, or may not be used here");
    }
    let is_long = std::env::var_os("OSTLER_TEST_LONG").is_some();
    let killed: usize = together(STEPS.len(), |index| {
        let call = STEPS[index];
        let step = match call {
            _ if is_long => 1,
            "pwrite64" => 2999,
            _ => 23,
        };
        (1..).step_by(step).take_while(|number| killed_at(call, *number)).count()
    })
    .into_iter()
    .sum();
    assert!(killed > 8, "only {killed} steps");
}

/// Whether a run came as far as that step, where it is killed; it starts again, and holds what it acknowledged.
#[track_caller]
fn killed_at(call: &str, number: usize) -> bool {
    let mut setup = Setup::new().env("OSTLER_WORKERS", "1");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let script = setup.home.join("traced");
    let trace = format!("strace -f -qq -o /dev/null -e trace={call} -e {inject}");
    fs::write(&script, format!("#!/bin/sh\nexec {trace} '{}' \"$@\"\n", setup.program.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let program = std::mem::replace(&mut setup.program, script);
    let mut child = setup.command().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
    let acknowledged = address.map_or(0, register);
    // Not strace itself, which ends once all of Ostler has.
    for process in processes::tagged(&setup.tag).iter().filter(|process| process.pid != child.id()) {
        processes::signal(process.pid, rustix::process::Signal::TERM);
    }
    let has_ended = child.wait().unwrap().success();
    setup.program = program;
    let ostler = setup.spawn();
    assert!(names(&ostler).len() >= acknowledged, "after {call} number {number}");
    !has_ended
}

/// Registers servers of many pages each, as far as Ostler comes; returns how many were acknowledged.
fn register(address: SocketAddr) -> usize {
    let post = |path: &str, token: &str, body: Value| {
        http::Ask::new(address, "POST", path).header("Authorization", token).json(&body).try_send().ok()
    };
    let login = json!({"email": "admin@localhost", "password": setup::ADMIN_PASSWORD});
    let Some(answer) = post("/api/auth/login", "", login).filter(|answer| answer.status == 200) else { return 0 };
    let token = format!("Bearer {}", answer.string("/token"));
    let args = vec!["x".repeat(25_000); 40];
    let spec = |count| json!({"name": format!("server {count}"), "command": "true", "args": args});
    let is_registered = |count: &i32| post("/api/mcp", &token, spec(*count)).is_some_and(|answer| answer.status == 201);
    (0..8).take_while(is_registered).count()
}
