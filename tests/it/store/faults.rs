//! What the recorder promises while the database does not serve: refusal, no loss, no doubling, recovery by itself.

use std::time::Duration;

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection};
use ostler::{
    Error,
    store::{servers, users},
};

use super::{
    recording::{count_calls, recorded},
    *,
};
use crate::support::disk::{fill, run_on_small_disk, small_disk};

#[tokio::test]
async fn a_locked_sqlite_database_refuses_and_recovers_when_released() {
    let folder = crate::support::folder::Folder::new();
    let (store, recorder) = open(&sqlite(folder.path()));
    let id = ServerId::new();
    recorder.call(call(id)).await.unwrap();
    let path = folder.path().join("data/ostler.db");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();

    let began = tokio::time::Instant::now();
    let refused = recorder.call(call(id)).await.unwrap_err();
    assert!(refused.to_string().contains("locked"), "{refused}");
    assert!(matches!(recorder.ready().await, Err(Error::StoreUnavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(8), "the wait is bounded");
    assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 1, "reads go on");

    other.batch_execute("ROLLBACK").unwrap();
    recorder.ready().await.unwrap();
    recorder.call(call(id)).await.unwrap();
    assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 2);
}

super::on_both! {
    async fn after_a_call_that_was_refused_none_is_made_until_a_row_like_it_was_written(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let id = ServerId::new();
        recorder.ready().await.unwrap();
        let obstacle = Obstacle::put(&url);
        let refused = recorder.call(call(id)).await.unwrap_err();
        assert!(matches!(refused, Error::Internal(_)), "{refused:?}");
        for _ in 0..3 {
            // What else is written proves nothing.
            recorder.audit(entry("elsewhere")).await.unwrap();
            recorder.write(None, |db| db.probe()).await.unwrap();
            let refused = recorder.ready().await.unwrap_err();
            assert!(refused.to_string().contains("refuses records of calls"), "{refused}");
        }
        obstacle.remove();
        recorder.ready().await.expect("it recovers by itself");
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 0, "a rehearsal leaves nothing");
        recorder.call(call(id)).await.unwrap();
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 1);
    }
}

/// A trigger on the table of calls that refuses every row; PostgreSQL's does so only at the commit.
struct Obstacle(DatabaseUrl);

impl Obstacle {
    fn put(url: &DatabaseUrl) -> Self {
        let obstacle = Self(url.clone());
        obstacle.execute(match url {
            DatabaseUrl::Sqlite(_) => {
                "CREATE TRIGGER no BEFORE INSERT ON mcp_tool_calls BEGIN SELECT RAISE(ABORT, 'no'); END"
            }
            DatabaseUrl::Postgres(_) => {
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
                 CREATE CONSTRAINT TRIGGER no AFTER INSERT ON mcp_tool_calls DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION no()"
            }
        });
        obstacle
    }

    fn remove(self) {
        self.execute(match self.0 {
            DatabaseUrl::Sqlite(_) => "DROP TRIGGER no",
            DatabaseUrl::Postgres(_) => "DROP FUNCTION no CASCADE",
        });
    }

    fn execute(&self, statement: &str) {
        match &self.0 {
            DatabaseUrl::Sqlite(path) => {
                let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                db.batch_execute(&format!("PRAGMA busy_timeout = 5000; {statement}")).unwrap();
            }
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => {
                diesel::PgConnection::establish(url).unwrap().batch_execute(statement).unwrap();
            }
            #[cfg(not(feature = "postgres"))]
            DatabaseUrl::Postgres(_) => unreachable!(),
        }
    }
}

#[test]
fn a_full_disk_refuses_new_calls_keeps_reading_and_recovers() {
    run_on_small_disk(8, "store::faults::inside_a_small_file_system");
}

#[tokio::test]
#[ignore = "part of a_full_disk_refuses_new_calls_keeps_reading_and_recovers, which runs it"]
async fn inside_a_small_file_system() {
    let Some(disk) = small_disk() else { return };
    let (store, recorder) = open(&sqlite(&disk));
    let id = ServerId::new();
    recorder.call(call(id)).await.unwrap();
    recorder.ready().await.unwrap();

    fill(&disk.join("most"), 5 << 20);
    recorder.call(call(id)).await.expect("what has been done is recorded in the reserve");
    let refused = recorder.ready().await.unwrap_err();
    assert!(refused.to_string().contains("4 MiB"), "{refused}");

    fill(&disk.join("rest"), 8 << 20);
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let refused = recorder.call(ToolCall { parameters: Some(json(&large)), ..call(id) }).await.unwrap_err();
    assert!(refused.to_string().contains("full"), "{refused}");
    let refused = recorder.write(Some(entry("full")), move |db| {
        (0..2000)
            .try_for_each(|n| users::insert(db, &User { name: "x".repeat(2000), ..user(&format!("{n}@example.org")) }))
    });
    assert!(matches!(refused.await, Err(Error::StoreUnavailable(_))));
    assert!(matches!(recorder.ready().await, Err(Error::StoreUnavailable(_))));
    assert_eq!(recorded(&store, id).await.len(), 2, "reads go on");

    std::fs::remove_file(disk.join("most")).unwrap();
    std::fs::remove_file(disk.join("rest")).unwrap();
    recorder.ready().await.expect("it recovers by itself");
    recorder.call(call(id)).await.unwrap();
    assert_eq!(recorded(&store, id).await.len(), 3);
    assert_eq!(store.read(users::count).await.unwrap(), 0);
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::atomic::{AtomicBool, Ordering};

    use diesel::PgConnection;
    use futures_util::future::join_all;

    use super::*;
    use crate::support::postgres::{Server as Postgres, database};

    #[tokio::test]
    async fn recording_and_reading_recover_after_the_server_was_stopped_and_started() {
        let Some(mut postgres) = Postgres::start() else { return };
        let (store, recorder) = open(&postgres.database().parse().unwrap());
        let id = ServerId::new();
        recorder.call(call(id)).await.unwrap();
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 1);

        postgres.stop();
        assert!(matches!(recorder.call(call(id)).await, Err(Error::StoreUnavailable(_))));
        assert!(matches!(recorder.ready().await, Err(Error::StoreUnavailable(_))));
        assert!(matches!(store.read(users::count).await, Err(Error::StoreUnavailable(_))));

        postgres.start_again();
        // Attempts to connect are paced; the first may come too early.
        while recorder.ready().await.is_err() {
            tokio::task::yield_now().await;
        }
        recorder.call(call(id)).await.unwrap();
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_restart_between_two_writes_goes_unnoticed() {
        let Some(mut postgres) = Postgres::start() else { return };
        let (store, recorder) = open(&postgres.database().parse().unwrap());
        recorder.write(None, |db| users::insert(db, &user("a@example.org"))).await.unwrap();
        store.read(users::count).await.unwrap();
        postgres.stop();
        postgres.start_again();
        recorder.write(None, |db| users::insert(db, &user("b@example.org"))).await.unwrap();
        assert_eq!(store.read(users::count).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn connections_that_are_cut_lose_no_acknowledged_call_and_double_none() {
        let Some(url) = database() else { return };
        let (store, recorder) = open(&url.parse().unwrap());
        let stored = server(UserId::new());
        let id = stored.server.id;
        recorder.write(None, move |db| servers::insert(db, &stored)).await.unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let cutter = std::thread::spawn(move || {
            let mut admin = PgConnection::establish(&url).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                admin
                    .batch_execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid(); SELECT pg_sleep(0.1)",
                    )
                    .unwrap();
            }
        });
        let callers = (0..16).map(|_| async {
            let mut acknowledged = Vec::new();
            while acknowledged.len() < 50 {
                let one = call(id);
                match recorder.call(one.clone()).await {
                    Ok(()) => acknowledged.push(one.id),
                    Err(_) => tokio::task::yield_now().await,
                }
            }
            acknowledged
        });
        let acknowledged = join_all(callers).await.concat();
        stop.store(true, Ordering::Relaxed);
        cutter.join().unwrap();
        while recorder.ready().await.is_err() {
            tokio::task::yield_now().await;
        }

        let rows = store.read(move |db| count_calls(db, id)).await.unwrap();
        let counted = store.read(servers::all).await.unwrap()[0].server.total_calls;
        assert_eq!(usize::try_from(counted).unwrap(), rows, "each row is counted once");
        for lost in acknowledged {
            // Recorded once more it would be counted once more.
            recorder.call(ToolCall { id: lost, ..call(id) }).await.unwrap();
        }
        assert_eq!(store.read(servers::all).await.unwrap()[0].server.total_calls, counted, "none was lost");
    }
}
