//! What the recorder promises while the database does not serve: refusal, no loss, no doubling, recovery by itself.

use std::{process::Command, time::Duration};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection};
use ostler::{
    Error,
    store::{servers, users},
};

use super::{
    recording::{count_calls, recorded},
    *,
};

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

/// Runs the real test below in a mount namespace of its own, on a file system of 8 MiB that goes with it.
#[test]
fn a_full_disk_refuses_new_calls_keeps_reading_and_recovers() {
    let folder = crate::support::folder::Folder::new();
    let program = std::env::current_exe().unwrap();
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$1" || exit 77; exec "$0" --exact --ignored --nocapture \
                    store::faults::inside_a_small_file_system"#;
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&program)
        .arg(folder.path())
        .env("OSTLER_TEST_SMALL_DISK", folder.path())
        .output();
    let missing = match &run {
        Ok(output) if output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("1 passed") => {
            panic!("the test inside was not run: {output:?}")
        }
        Ok(output) if output.status.success() => return,
        Ok(output) if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare:") => {
            panic!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        _ => "no small file system can be mounted here",
    };
    crate::support::absent(missing);
}

#[tokio::test]
#[ignore = "part of a_full_disk_refuses_new_calls_keeps_reading_and_recovers, which runs it"]
async fn inside_a_small_file_system() {
    let Some(disk) = std::env::var_os("OSTLER_TEST_SMALL_DISK").map(std::path::PathBuf::from) else { return };
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

/// Writes up to `bytes`, or until the disk is full.
fn fill(path: &Path, bytes: usize) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for _ in 0..bytes / 4096 {
        if file.write_all(&[7; 4096]).is_err() {
            return;
        }
    }
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
