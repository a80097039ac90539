//! PostgreSQL: locks that go with their connections, and standbys that are promoted.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query};

use super::{KEY, hands_over, second};
use crate::support::{
    postgres::{self, Server as Postgres},
    *,
};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

fn count(db: &mut PgConnection, table: &str) -> i64 {
    sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result::<Count>(db).unwrap().count
}

#[test]
fn a_lock_that_is_lost_to_another_ostler_ends_the_servers_of_the_first() {
    let Some(url) = postgres::database() else { return };
    let mut superuser = PgConnection::establish(&url).unwrap();
    hands_over(Setup::new().database(&url), |_| {
        let waiting = "pg_locks WHERE locktype = 'advisory' AND NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually("the second one waits for the lock", || (count(&mut superuser, waiting) > 0).then_some(()));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        superuser.batch_execute(end).unwrap();
    });
}

#[test]
fn what_a_failover_took_back_is_forgotten_here_too() {
    let Some(mut primary) = Postgres::start() else { return };
    let url = primary.database();
    let mut standby = primary.standby();
    let both = Postgres::with_standby(&url, &standby);
    let ostler = Setup::new().database(&both).spawn();
    let admin = ostler.admin();
    let lost = admin.running(fake("ok").named("lost").enabled());
    let renamed = admin.register(fake("ok").named("before"));
    let key = admin.make_key(&["mcp:read"]);
    let mut there = PgConnection::establish(&standby.same_database(&url)).unwrap();
    eventually("the standby has the key", || (count(&mut there, "api_keys") > 0).then_some(()));

    // From here on the standby hears of nothing.
    there.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").unwrap();
    there.batch_execute("SELECT pg_reload_conf()").unwrap();
    eventually("it follows no more", || (count(&mut there, "pg_stat_wal_receiver") == 0).then_some(()));
    lost.remove().is(204);
    renamed.change(json!({"name": "after"})).is(200);
    let only_here = admin.running(fake("ok").named("only here").enabled());
    let id = admin.get("/api/auth/keys").string("/items/0/id");
    admin.delete(&format!("/api/auth/keys/{id}")).is(204);
    key.get("/api/mcp").is(401);
    primary.crash();
    standby.promote();

    eventually("the server that is back runs", || {
        let status = lost.details();
        (status.status == 200 && status.string("/runtimeStatus/status") == "running").then_some(())
    });
    only_here.details().is(404);
    renamed.details().has("/server/name", "before");
    key.get("/api/mcp").is(200);
    assert!(ostler.errors().contains("not as this Ostler left it"), "{}", ostler.errors());
    eventually("the audit log says so", || {
        let audit = admin.get("/api/audit?action=database.reload").is(200);
        (audit.list("/items").len() == 1).then_some(())
    });
    lost.call("echo", json!({"message": "x"})).is(200);
    eventually("the processes are those of the database", || {
        let running = ostler.processes().iter().filter(|process| process.command.contains("hostile_server ok")).count();
        (running == 1).then_some(())
    });
}

#[test]
fn a_leader_that_freezes_is_left_for_the_one_that_is_promoted() {
    let Some(mut primary) = Postgres::start() else { return };
    let url = primary.database();
    let mut standby = primary.standby();
    let ostler = Setup::new().database(&Postgres::with_standby(&url, &standby)).spawn();
    let server = ostler.admin().running(fake("ok").enabled());
    let echo = || server.call("echo", json!({"message": "x"}));
    let before = echo().is(200).string("/callId");
    let mut there = PgConnection::establish(&standby.same_database(&url)).unwrap();
    eventually("the standby has the call", || (count(&mut there, "mcp_tool_calls") == 1).then_some(()));
    drop(there);
    primary.freeze();
    standby.promote();
    let (took, ()) = timed(|| within(seconds(15), "it serves again", || (echo().status == 200).then_some(())));
    println!("| frozen leader, promoted second | served again after {:.1} s |", took.as_secs_f64());
    eventually("it is ready", || (ostler.anonymous().get("/readyz").status == 200).then_some(()));
    // Reading connections find the new leader by themselves, after the writing one.
    eventually("it reads, too", || (ostler.admin().get("/api/audit?limit=1").status == 200).then_some(()));
    assert_eq!(server.calls_on_record().get(&before), Some(&1));
    primary.thaw();
}

#[test]
fn a_former_leader_that_still_takes_writes_has_no_servers_started() {
    let Some(mut primary) = Postgres::start() else { return };
    let url = primary.database();
    let mut standby = primary.standby();
    let both = Postgres::with_standby(&url, &standby);
    let first = Setup::new().database(&both).env("OSTLER_SECRET_KEY", KEY).spawn();
    let server = first.admin().running(fake("ok").enabled());
    let mut there = PgConnection::establish(&standby.same_database(&url)).unwrap();
    eventually("the standby has the server", || (count(&mut there, "mcp_servers") == 1).then_some(()));
    primary.crash();
    standby.promote();
    let serves = || (server.call("echo", json!({"message": "x"})).status == 200).then_some(());
    eventually("the first one goes on with the new leader", serves);

    // It does not know yet that there is another one, and gives the second one the lock that the first one had.
    primary.start_again();
    let next = second(&first.setup);
    let mut second = next.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(second.stderr.take().unwrap()).lines().map(Result::unwrap);
    words.find(|line| line.contains("did not say that its servers have ended")).unwrap();
    primary.stop();
    let rest: Vec<_> = words.map_while(|line| (!line.contains("server ready")).then_some(line)).collect();
    let _ = second.kill();
    let _ = second.wait();
    assert!(rest.last().is_some_and(|last| last.starts_with("ostler: the database is unavailable: ")), "{rest:#?}");
    serves().unwrap();
    fs::remove_dir_all(&next.home).unwrap();
}
