//! What is too much on a disk that is full: removing it makes nothing worse, and goes on by itself once there is room.

use std::{fs, path::Path};

use crate::support::{
    disk::{fill, run_on_small_disk, small_disk},
    *,
};

/// Calls of 128 KiB that are on record, and about how many of them fit into a budget of 1 MiB.
const CALLS: usize = 40;
const KEPT: usize = 8;

/// An Ostler that has ended, with more calls on record than it may keep when it starts again, as whoever made them.
fn overfull(setup: Setup) -> (Ostler, Server) {
    let mut ostler = setup.spawn();
    let server = ostler.admin().register(fake("ok").enabled());
    (0..CALLS).for_each(|_| drop(call(&server).is(200)));
    ostler.terminate();
    ostler.setup = ostler.setup.clone().env("OSTLER_CALLS_BYTES_PER_USER", "1048576");
    (ostler, server)
}

/// Large enough to have it looked at once whether that is too much.
fn call(server: &Server) -> Answer {
    server.call("echo", json!({"message": "m".repeat(64 << 10)}))
}

/// The server as its owner sees it after another start.
fn again(ostler: &Ostler, server: &Server) -> Server {
    let token = server.caller.token.as_ref().unwrap();
    ostler.anonymous().with_token(token).server(&server.id)
}

#[test]
fn sqlite_on_a_full_disk_waits_for_room_and_then_removes() {
    run_on_small_disk(40, "outages::retention::sqlite_inside_a_small_file_system");
}

#[test]
#[ignore = "part of sqlite_on_a_full_disk_waits_for_room_and_then_removes, which runs it"]
fn sqlite_inside_a_small_file_system() {
    let Some(disk) = small_disk() else { return };
    let (file, filler) = (disk.join("data/ostler.db"), disk.join("filler"));
    let (mut ostler, server) = overfull(Setup::new().database(&format!("sqlite://{}", file.display())));
    fill(&filler, 64 << 20);
    // Less than what is left to calls under way.
    let most = fs::metadata(&filler).unwrap().len() - (2 << 20);
    fs::OpenOptions::new().write(true).open(&filler).unwrap().set_len(most).unwrap();
    ostler.start_again_in_trouble();
    eventually("it says so", || ostler.errors().contains("old calls could not be removed").then_some(()));
    let server = again(&ostler, &server);
    assert_eq!(server.calls_on_record().len(), CALLS);
    let log = |file: &Path| fs::metadata(file.with_extension("db-wal")).map_or(0, |log| log.len());
    assert!(log(&file) < 1 << 20, "{}", log(&file));

    fs::remove_file(&filler).unwrap();
    eventually("calls are taken again", || (call(&server).status == 200).then_some(()));
    eventually("what is too much is gone", || (server.calls_on_record().len() <= KEPT).then_some(()));
    assert!(log(&file) <= 8 << 20, "{}", log(&file));
}

#[test]
#[cfg(feature = "postgres")]
fn postgresql_removes_though_the_disk_of_the_calls_is_full() {
    run_on_small_disk(16, "outages::retention::full_table_space_inside_a_small_file_system");
}

#[test]
#[cfg(feature = "postgres")]
#[ignore = "part of postgresql_removes_though_the_disk_of_the_calls_is_full, which runs it"]
fn full_table_space_inside_a_small_file_system() {
    use diesel::{Connection, PgConnection, connection::SimpleConnection};

    let Some(disk) = small_disk() else { return };
    let Some(postgres) = postgres::Server::start() else { return };
    let (space, filler) = (disk.join("space"), disk.join("filler"));
    fs::create_dir(&space).unwrap();
    postgres.give(&space);
    let url = postgres.database();
    let (mut ostler, server) = overfull(Setup::new().database(&url));
    let mut superuser = PgConnection::establish(&url).unwrap();
    superuser.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", space.display())).unwrap();
    superuser.batch_execute("ALTER TABLE mcp_tool_calls SET TABLESPACE small").unwrap();
    fill(&filler, 16 << 20);
    ostler.start_again_in_trouble();
    let server = again(&ostler, &server);
    eventually("what is too much is gone", || (server.calls_on_record().len() <= KEPT).then_some(()));
}
