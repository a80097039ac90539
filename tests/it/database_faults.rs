//! A database that is damaged, newer, or was left half-way: a clear word, and nothing overwritten.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};

use crate::support::{self, setup::PROGRAM, *};

const PAGE: usize = 4096;

/// What a table of SQLite's own says about a table.
#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rootpage: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    sql: String,
}

fn tables(file: &Path) -> Vec<Table> {
    let mut db = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let text = "SELECT name, rootpage, coalesce(sql, '') AS sql FROM sqlite_master ORDER BY name";
    sql_query(text).load(&mut db).unwrap()
}

/// The set-up of an Ostler that ran, has a server with a recorded call, and ended in good order.
fn used() -> Setup {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").uncontained());
    server.call("echo", json!({"message": "before"})).is(200);
    assert_eq!(ostler.terminate().code(), Some(0));
    // All into one file, so that a test can put another in its place.
    let mut db = SqliteConnection::establish(ostler.setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let mut setup = Setup::new();
    fs::rename(ostler.setup.home.join("data"), setup.home.join("data")).unwrap();
    setup.environment.insert("RUST_LOG".into(), "warn".into());
    setup
}

/// Writes zeros over the page where a table begins; over the file's first page for no name.
fn zero(setup: &Setup, table: &str) -> usize {
    let file = setup.database_file();
    let root = tables(&file).into_iter().find(|known| known.name == table).map_or(1, |table| table.rootpage);
    let at = (root as usize - 1) * PAGE;
    let mut bytes = fs::read(&file).unwrap();
    bytes[at..at + PAGE].fill(0);
    fs::write(&file, bytes).unwrap();
    at
}

/// Puts another file in the place of the database.
fn renew(setup: &Setup, bytes: &[u8]) {
    fs::write(setup.database_file(), bytes).unwrap();
    for more in ["-wal", "-shm"] {
        let _ = fs::remove_file(setup.home.join(format!("data/ostler.db{more}")));
    }
}

/// Its words, after it has refused to start.
#[track_caller]
fn refusal(setup: &Setup) -> String {
    let mut command = setup.command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = support::wait::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < seconds(10) {
        support::wait::breathe();
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let words = String::from_utf8(output.stderr).unwrap();
    let last = words.lines().last().unwrap_or_default();
    assert!(last.starts_with("ostler: the database is unavailable: "), "{words}");
    last.to_owned()
}

#[test]
fn damage_that_shows_at_the_start_is_named_and_the_file_left_as_it_is() {
    let whole = used();
    let original = fs::read(whole.database_file()).unwrap();
    let damages = [
        ("", "is no SQLite database"),
        ("sqlite_autoindex___diesel_schema_migrations_1", "is damaged"),
        ("mcp_servers", "is damaged"),
    ];
    for (table, words) in damages {
        renew(&whole, &original);
        zero(&whole, table);
        let damaged = fs::read(whole.database_file()).unwrap();
        let said = refusal(&whole);
        assert!(said.contains(words), "{table}: {said}");
        assert!(fs::read(whole.database_file()).unwrap() == damaged, "{table}: the file was written to");
    }
    renew(&whole, &original[..original.len() / 2]);
    assert!(refusal(&whole).contains("is damaged"));
    assert_eq!(fs::read(whole.database_file()).unwrap().len(), original.len() / 2);
    fs::remove_dir_all(&whole.home).unwrap();
}

#[test]
fn damage_found_later_is_named_by_what_needs_the_page_and_stops_calls() {
    let setup = used();
    let file = setup.database_file();
    let at = zero(&setup, "mcp_tool_calls");
    let ostler = setup.spawn();
    let admin = ostler.admin();
    let id = admin.get("/api/mcp").is(200).string("/items/0/id");
    let server = admin.server(&id);
    server.start().is(200);
    let answer = admin.get(&server.path("/logs")).problem(503, "store_unavailable");
    assert!(answer.text().contains("its file is damaged"), "{answer:?}");

    let counter = ostler.setup.servers_dir().join("counted");
    let count = || server.call("count", json!({"file": counter.to_str().unwrap()}));
    (0..5).for_each(|_| drop(count().problem(503, "store_unavailable")));
    assert!(fs::read_to_string(&counter).unwrap().lines().count() <= 1, "it went on calling what it cannot record");
    let answer = ostler.anonymous().get("/readyz").problem(503, "not_ready");
    assert!(answer.text().contains("damaged"), "{answer:?}");
    ostler.anonymous().get("/livez").is(200);
    server.details().is(200);
    drop(server.stop());
    let page = &fs::read(file).unwrap()[at..at + PAGE];
    assert!(page.iter().all(|byte| *byte == 0), "the page was written over");
}

#[test]
fn a_newer_schema_is_named_and_left_as_it_is() {
    let setup = used();
    let mut db = SqliteConnection::establish(setup.database_file().to_str().unwrap()).unwrap();
    db.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231235959')").unwrap();
    db.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let before = fs::read(setup.database_file()).unwrap();
    let said = refusal(&setup);
    assert!(said.contains("20991231235959") && said.contains("newer"), "{said}");
    assert!(fs::read(setup.database_file()).unwrap() == before, "the file was written to");
    fs::remove_dir_all(&setup.home).unwrap();
}

/// `ostler migrate` under a program that is given it as arguments.
fn migrate(under: &[&str], url: &str) -> Output {
    let program = under.iter().copied().chain([PROGRAM]).collect::<Vec<_>>();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg("migrate").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("DATABASE_URL", url).env("RUST_LOG", "warn").output().unwrap()
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// The schema as a text, of a file that a fresh migration made.
fn schema(file: &Path) -> String {
    tables(file).into_iter().map(|table| table.sql).collect()
}

#[test]
fn a_migration_killed_at_any_step_is_finished_by_the_next_start() {
    if !can_trace() {
        return support::absent("strace is not installed, or may not be used here");
    }
    let folder = support::folder::Folder::new();
    let whole = folder.path().join("whole.db");
    assert!(migrate(&[], &url(&whole)).status.success());
    let expected = schema(&whole);
    // Every write takes part in the long run; every few of them are enough to notice a change of ways.
    let step = if std::env::var_os("OSTLER_TEST_LONG").is_some() { 1 } else { 6 };
    let steps = [("fsync", 1), ("ftruncate", 1), ("unlink", 1), ("pwrite64", step)];
    let killed: usize = together(steps.len(), |index| {
        let (call, step) = steps[index];
        let folder = folder.path().join(call);
        let rounds = (1..).step_by(step).take_while(|number| killed_at(call, *number, &folder, &expected));
        rounds.count()
    })
    .into_iter()
    .sum();
    assert!(killed > 10, "only {killed} steps");
}

/// Whether the migration came as far as that step, where it is killed.
fn killed_at(call: &str, number: usize, folder: &Path, expected: &str) -> bool {
    let file = folder.join(format!("{number}.db"));
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
    let killed = migrate(&trace, &url(&file));
    let again = migrate(&[], &url(&file));
    assert!(again.status.success(), "after {call} number {number}: {again:?}");
    assert_eq!(schema(&file), expected, "after {call} number {number}");
    !killed.status.success()
}

fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[test]
fn a_first_start_killed_at_any_step_leaves_an_admin_who_can_log_in() {
    if !can_trace() {
        return support::absent("strace is not installed, or may not be used here");
    }
    for call in ["fsync", "rename", "link", "unlink"] {
        for number in 1.. {
            let setup = Setup::new().without("OSTLER_ADMIN_PASSWORD");
            let served = first_start_killed_at(&setup, call, number);
            let ostler = setup.spawn();
            let kept = fs::read_to_string(ostler.setup.home.join("data/first-admin.txt")).unwrap();
            let password = kept.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
            ostler.anonymous().log_in("admin@localhost", password);
            if served {
                break;
            }
        }
    }
}

/// Whether it came to serve, which it does where there is no such step any more.
fn first_start_killed_at(setup: &Setup, call: &str, number: usize) -> bool {
    use std::io::{BufRead, BufReader};
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={number}"), PROGRAM]).args(&setup.arguments);
    command.env_clear().envs(&setup.environment).current_dir(&setup.home);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let served = line.starts_with("listening");
    // Not strace itself, which ends once all of Ostler is gone, and with it Ostler's locks.
    for process in support::processes::tagged(&setup.tag).iter().filter(|process| process.pid != child.id()) {
        support::processes::kill(process.pid);
    }
    let _ = child.wait();
    served
}

/// On disks of all sizes too small: each attempt says so, and the next one with room succeeds.
#[test]
fn a_disk_that_fills_during_a_migration_is_named_and_the_next_attempt_succeeds() {
    let folder = support::folder::Folder::new();
    let script = r#"
        mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77
        "$3" migrate; echo "status $?"
        mount -o remount,size=64m "$2" && "$3" migrate; echo "status $?""#;
    let run = |size: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh", size]).arg(folder.path()).arg(PROGRAM);
        let file = url(&folder.path().join("data/ostler.db"));
        command.env("DATABASE_URL", file).env("RUST_LOG", "off").output()
    };
    let mut failed = 0;
    for size in ["8k", "16k", "40k", "64k", "96k", "120k", "140k", "160k", "1m"] {
        let output = match run(size) {
            Ok(output) if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare:") => output,
            _ => return support::absent("no small file system can be mounted here"),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, words) = (text(&output.stdout), text(&output.stderr));
        let statuses: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("status ")).collect();
        assert!(["0", "1"].contains(&statuses[0]) && statuses[1] == "0", "{size}: {output:?}");
        if statuses[0] == "1" {
            failed += 1;
            let named = ["the disk is full", "its disk fails", "its file cannot be"];
            assert!(named.iter().any(|named| words.contains(named)), "{size}: {words}");
        }
    }
    assert!(failed >= 4, "only {failed} of the sizes were too small");
}

#[test]
#[cfg(feature = "postgres")]
fn a_migration_of_postgresql_killed_at_any_step_is_finished_by_the_next_start() {
    let Some(first) = support::postgres::database() else { return };
    if !can_trace() {
        return support::absent("strace is not installed, or may not be used here");
    }
    assert!(migrate(&[], &first).status.success());
    let mut killed = 0;
    for number in 1.. {
        let url = support::postgres::database().unwrap();
        let inject = format!("inject=sendto:signal=KILL:when={number}");
        let trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", &inject];
        let came_through = migrate(&trace, &url).status.success();
        let again = migrate(&[], &url);
        assert!(again.status.success(), "after sendto number {number}: {again:?}");
        assert!(migrate(&[], &url).stdout.is_empty(), "it is up to date");
        if came_through {
            break;
        }
        killed += 1;
    }
    assert!(killed > 5, "only {killed} steps");
}
