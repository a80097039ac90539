//! SQLite: its file, its file system, its locks.

use std::{
    cell::RefCell,
    fs,
    process::{Command, Stdio},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::load::Outage;
use crate::support::{
    disk::{fill, run_on_small_disk, small_disk},
    *,
};

/// Runs SQL on the database of an Ostler as another program would.
struct Other(SqliteConnection);

impl Other {
    fn new(setup: &Setup) -> Self {
        let mut db = SqliteConnection::establish(setup.database_file().to_str().unwrap()).unwrap();
        db.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
        Self(db)
    }

    #[track_caller]
    fn run(&mut self, sql: &str) {
        self.0.batch_execute(sql).unwrap();
    }
}

/// An outage that one statement of another program begins and one ends.
fn by_statement(outage: Outage, begin: &str, end: &str) {
    let other = RefCell::new(None);
    let begin = |ostler: &Ostler| other.borrow_mut().insert(Other::new(&ostler.setup)).run(begin);
    let end = |_: &Ostler| other.borrow_mut().as_mut().unwrap().run(end);
    outage.provoke(begin, end);
}

#[test]
fn another_program_that_holds_the_write_lock() {
    by_statement(Outage::of_silence("SQLite: locked for writing", Setup::new()), "BEGIN IMMEDIATE", "ROLLBACK");
}

#[test]
fn another_program_that_holds_every_lock() {
    by_statement(Outage::of_silence("SQLite: locked for all", Setup::new()), "BEGIN EXCLUSIVE", "ROLLBACK");
}

#[test]
fn a_trigger_that_fails() {
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON mcp_tool_calls BEGIN SELECT RAISE(ABORT, 'no'); END";
    by_statement(Outage::new("SQLite: failing trigger", Setup::new()), trigger, "DROP TRIGGER broken");
}

#[test]
fn files_that_may_not_grow() {
    // As a program that was started under `ulimit -f` and takes the error instead of the signal.
    let setup = Setup::new().after("trap '' XFSZ");
    let limit = |ostler: &Ostler, most: Option<u64>| {
        let pid = Pid::from_raw(i32::try_from(ostler.pid()).unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current: most, maximum: None }).unwrap();
    };
    let outage = Outage::new("SQLite: quota", setup);
    outage.provoke(|ostler| limit(ostler, Some(4096)), |ostler| limit(ostler, None));
}

#[test]
fn files_that_may_not_be_written() {
    let mark = |ostler: &Ostler, flag: &str| {
        let files = ["", "-wal"].map(|suffix| ostler.setup.home.join(format!("data/ostler.db{suffix}")));
        Command::new("chattr").arg(flag).args(files).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let probe = Setup::new().spawn();
    if !mark(&probe, "+i") || !mark(&probe, "-i") {
        return absent("no file can be made immutable here");
    }
    let outage = Outage::new("SQLite: read-only files", Setup::new());
    outage.provoke(|ostler| assert!(mark(ostler, "+i")), |ostler| assert!(mark(ostler, "-i")));
}

#[test]
fn a_full_disk() {
    run_on_small_disk(12, "outages::sqlite::full_disk_inside_a_small_file_system");
}

#[test]
#[ignore = "part of a_full_disk, which runs it"]
fn full_disk_inside_a_small_file_system() {
    let Some(disk) = small_disk() else { return };
    let setup = Setup::new().database(&format!("sqlite://{}", disk.join("data/ostler.db").display()));
    let filler = disk.join("filler");
    let outage = Outage::new("SQLite: full disk", setup);
    outage.provoke(|_| fill(&filler, 16 << 20), |_| fs::remove_file(&filler).unwrap());
}
