//! What other programs write to the file of a database that is open: a checkpoint is welcome, and all else is noticed
//! before anything more is acknowledged, and left as it is.

use std::{fs::OpenOptions, os::unix::fs::FileExt, process::Command, thread};

use super::*;
use crate::restored_database::{beside, is_seen, remove_log, sql};

/// The words that say so.
const WHY: &str = "something else was written";

type Way = (&'static str, fn(&Path, &Path));
type Put<'a> = &'a dyn Fn(&Path, &Path);
type Act<'a> = &'a dyn Fn(&Setup);

/// Ways to put a file in the place of another that leave its inode.
const WAYS: [Way; 4] = [
    ("cp", |from, to| run("cp", &[from, to])),
    ("cp -p", |from, to| run("cp", &[Path::new("-p"), from, to])),
    ("cat", |from, to| run("sh", &[Path::new("-c"), Path::new("cat \"$0\" > \"$1\""), from, to])),
    ("write", |from, to| {
        OpenOptions::new().write(true).open(to).unwrap().write_all_at(&fs::read(from).unwrap(), 0).unwrap()
    }),
];

#[track_caller]
fn run(program: &str, arguments: &[&Path]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

/// Claims that a file put in the place of the database is noticed, left as it is, refused beside the log, and used
/// once that is gone.
#[track_caller]
fn is_left_alone(ostler: &mut Ostler, server: &Server, way: &str) {
    is_left_and_refused(ostler, server, way, "do not belong together");
    remove_log(&ostler.setup);
}

#[track_caller]
fn is_left_and_refused(ostler: &mut Ostler, server: &Server, way: &str, words: &str) {
    let put = fs::read(ostler.setup.database_file()).unwrap();
    acknowledges_nothing(ostler, server, WHY);
    assert_eq!(ostler.terminate().code(), Some(0), "{way}");
    assert!(put == fs::read(ostler.setup.database_file()).unwrap(), "{way}: it was written to");
    is_refused(&ostler.setup, words);
}

#[test]
fn a_backup_copied_over_an_open_database_is_noticed_before_the_next_record() {
    for (way, put) in WAYS {
        let (mut ostler, server) = counting();
        let backup = back_up(&ostler.setup);
        let later = ostler.admin().register(fake("ok"));
        put(&backup, &ostler.setup.database_file());
        is_left_alone(&mut ostler, &server, way);
        ostler.start_again();
        ostler.admin().get(&later.path("")).problem(404, "server_not_found");
        ostler.admin().server(&server.id).details().is(200);
    }
}

#[test]
fn a_copy_with_the_same_pages_is_noticed_too() {
    let (mut ostler, server) = counting();
    if Command::new("sqlite3").arg("-version").output().is_err() {
        return absent("sqlite3 is not installed");
    }
    let (file, backup) = (ostler.setup.database_file(), ostler.setup.home.join("backup.db"));
    run("sqlite3", &[&file, Path::new(&format!(".backup '{}'", backup.display()))]);
    let later = ostler.admin().register(fake("ok"));
    run("cp", &[&backup, &file]);
    is_left_alone(&mut ostler, &server, ".backup");
    ostler.start_again();
    ostler.admin().get(&later.path("")).problem(404, "server_not_found");
}

#[test]
fn an_earlier_state_of_the_file_is_noticed_too() {
    let (mut ostler, server) = counting();
    let (file, snapshot) = (ostler.setup.database_file(), ostler.setup.home.join("snapshot.db"));
    check_point(&ostler.setup);
    run("cp", &[&file, &snapshot]);
    server.call("echo", json!({"message": "later"})).is(200);
    check_point(&ostler.setup);
    server.call("echo", json!({"message": "later still"})).is(200);
    run("cp", &[&snapshot, &file]);
    is_left_alone(&mut ostler, &server, "snapshot");
}

/// Has another program move all of the log into the file.
fn check_point(setup: &Setup) {
    sql(setup, "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)");
    is_seen(setup);
}

#[test]
fn a_file_that_is_cut_emptied_or_anothers_is_noticed_though_nothing_is_asked() {
    let mut other = Ostler::spawn();
    other.admin().register(fake("ok"));
    other.terminate();
    let foreign = other.setup.database_file();
    let cut = |share: u64| {
        move |_: &Path, to: &Path| {
            let file = OpenOptions::new().write(true).open(to).unwrap();
            file.set_len(file.metadata().unwrap().len() * share / 2).unwrap();
        }
    };
    let mixed = "do not belong together";
    let ways: [(&str, &str, Put); 4] = [
        ("emptied", "is empty", &cut(0)),
        ("cut", mixed, &cut(1)),
        ("zeros", mixed, &|_, to| fs::write(to, vec![0; fs::read(to).unwrap().len()]).unwrap()),
        ("another's", mixed, &|from, to| run("cp", &[from, to])),
    ];
    for (way, words, put) in ways {
        let (mut ostler, server) = counting();
        check_point(&ostler.setup);
        server.call("echo", json!({"message": "in the log"})).is(200);
        put(&foreign, &ostler.setup.database_file());
        eventually(way, || ostler.errors().contains(WHY).then_some(()));
        is_left_and_refused(&mut ostler, &server, way, words);
    }
}

#[test]
fn what_others_may_do_with_an_open_database_interrupts_nothing() {
    let (ostler, server) = counting();
    let file = ostler.setup.database_file();
    let copy = ostler.setup.home.join("copy.db");
    let into = format!("VACUUM INTO '{}'", copy.display());
    let mut reader = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let by_sql =
        |statement: &'static str| move |setup: &Setup| sql(setup, &format!("PRAGMA busy_timeout = 5000; {statement}"));
    let ways: [(&str, Act); 11] = [
        ("touch", &|_| run("touch", &[&file])),
        ("chmod", &|_| run("chmod", &[Path::new("640"), &file])),
        ("an older time", &|_| run("touch", &[Path::new("-d"), Path::new("2020-02-02"), &file])),
        ("a reader", &by_sql("SELECT count(*) FROM users")),
        ("VACUUM INTO", &|setup: &Setup| sql(setup, &into)),
        ("PASSIVE", &by_sql("PRAGMA wal_checkpoint(PASSIVE)")),
        ("VACUUM", &by_sql("VACUUM")),
        ("touch after VACUUM", &|_| run("touch", &[&file])),
        ("FULL", &by_sql("PRAGMA wal_checkpoint(FULL)")),
        ("RESTART", &by_sql("PRAGMA wal_checkpoint(RESTART)")),
        ("TRUNCATE", &by_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")),
    ];
    for reads in [false, true] {
        for (way, act) in ways {
            if reads {
                reader.batch_execute("BEGIN; SELECT count(*) FROM mcp_tool_calls").unwrap();
            }
            act(&ostler.setup);
            for _ in 0..2 {
                let answer = server.call("echo", json!({"message": way}));
                assert_eq!(answer.status, 200, "{way}: {answer:?}");
                assert_eq!(ostler.anonymous().get("/readyz").status, 200, "{way}");
                is_seen(&ostler.setup);
            }
            if reads {
                reader.batch_execute("COMMIT").unwrap();
            }
            let _ = fs::remove_file(&copy);
        }
    }
    assert!(!ostler.errors().contains(WHY), "{}", ostler.errors());
}

#[test]
fn checkpoints_of_another_program_beside_calls_interrupt_nothing() {
    let (ostler, server) = counting();
    (0..30).for_each(|_| drop(server.call("echo", json!({"message": "x".repeat(60_000)})).is(200)));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"].repeat(5) {
                sql(&ostler.setup, &format!("PRAGMA busy_timeout = 5000; VACUUM; PRAGMA wal_checkpoint({mode})"));
            }
        });
        let mut calls = 0;
        while !other.is_finished() || calls < 100 {
            let answer = server.call("echo", json!({"message": "beside"}));
            // Whoever holds the lock for two seconds, as on a slow disk, has calls refused; that is another promise.
            assert!(answer.status == 200 || answer.text().contains("it is locked"), "{answer:?}");
            calls += 1;
        }
    });
    is_seen(&ostler.setup);
    assert!(!ostler.errors().contains(WHY), "{}", ostler.errors());
}

#[test]
fn a_copy_put_beside_the_log_right_after_a_kill_is_refused() {
    let (mut ostler, server) = counting();
    let (file, backup) = (ostler.setup.database_file(), ostler.setup.home.join("backup.db"));
    if Command::new("sqlite3").arg("-version").output().is_err() {
        return absent("sqlite3 is not installed");
    }
    run("sqlite3", &[&file, Path::new(&format!(".backup '{}'", backup.display()))]);
    let stamp = || fs::read_to_string(beside(&ostler.setup, ".ostler-lock")).unwrap();
    // Whose checkpoint it is makes no difference: for a second the file counts as one that is being written to.
    eventually("a stamp of a file that is written to", || {
        server.call("echo", json!({"message": "x"})).is(200);
        sql(&ostler.setup, "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(PASSIVE)");
        stamp().contains("Writing").then_some(())
    });
    server.call("echo", json!({"message": "in the log"})).is(200);
    ostler.kill();
    run("cp", &[&backup, &file]);
    is_refused(&ostler.setup, "do not belong together");
    remove_log(&ostler.setup);
    ostler.start_again();
    ostler.admin().server(&server.id).details().is(200);
}
