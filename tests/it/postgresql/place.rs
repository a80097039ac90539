//! Where a connection leads: through a pool, to a server that turned read-only, or to one that stands still.

use std::{
    fs,
    os::unix::{net::UnixStream, process::CommandExt},
    process::Command,
};

use ostler::{
    model::{PageRequest, ServerId},
    recorder::{Chain, Recorder},
    store::calls,
};

use super::*;
use crate::support::{self, Setup, eventually, fake, folder::Folder, json, postgres::Server, seconds};

/// pgbouncer in front of a server.
struct Pool {
    process: std::process::Child,
    folder: Folder,
}

impl Pool {
    fn start(server: &Server, database: &str, mode: &str) -> Option<Self> {
        let folder = Folder::new();
        let path = folder.path().to_str().unwrap();
        let config = format!(
            "[databases]\n{database} = host={} user=postgres\n[pgbouncer]\npool_mode = {mode}\nauth_type = any\n\
             listen_addr =\nunix_socket_dir = {path}\nlogfile = {path}/log\n",
            server.folder().display()
        );
        fs::write(folder.path().join("pool.ini"), config).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.arg("-q").arg(folder.path().join("pool.ini"));
        if rustix::process::geteuid().is_root() {
            let owner = server.owner();
            std::os::unix::fs::chown(folder.path(), Some(owner.0), Some(owner.1)).unwrap();
            command.uid(owner.0).gid(owner.1);
        }
        let Ok(process) = command.spawn() else {
            support::absent("pgbouncer is not installed");
            return None;
        };
        let pool = Self { process, folder };
        let socket = pool.folder.path().join(".s.PGSQL.6432");
        eventually("the pool listens", || UnixStream::connect(&socket).ok());
        Some(pool)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}&port=6432", self.folder.path().display())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn name_of(url: &str) -> String {
    url.split('?').next().unwrap().rsplit_once('/').unwrap().1.to_owned()
}

#[test]
fn a_pool_that_shares_by_transaction_is_refused_and_keeps_no_setting_of_ours() {
    let Some(server) = Server::start() else { return };
    let name = name_of(&server.database());
    for mode in ["transaction", "statement"] {
        let Some(pool) = Pool::start(&server, &name, mode) else { return };
        let refusal = open(&pool.url(&name)).err().expect("it was taken");
        assert!(refusal.contains("by transaction or statement") && refusal.contains("by session"), "{refusal}");
        // Whoever is given the same connections next finds them as they were.
        run(&pool.url(&name), "CREATE TABLE t (c int); DROP TABLE t");
        for (setting, value) in [("lock_timeout", "0"), ("default_transaction_read_only", "off")] {
            let check = format!("DO $$ BEGIN ASSERT current_setting('{setting}') = '{value}'; END $$");
            run(&pool.url(&name), &check);
        }
    }
    let Some(pool) = Pool::start(&server, &name, "session") else { return };
    let ostler = Setup::new().database(&pool.url(&name)).spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({"message": "x"})).is(200);
}

#[test]
fn a_connection_that_turned_read_only_is_replaced() {
    let Some(url) = support::postgres::database() else { return };
    let ostler = Setup::new().database(&url).spawn();
    let server = ostler.admin().running(fake("ok"));
    let call = || server.call("echo", json!({"message": "x"}));
    call().is(200);
    let name = name_of(&url);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on; {cut}"));
    eventually("it is noticed", || call().text().contains("it is read-only").then_some(()));
    run(&url, &format!("SET transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"));
    eventually("calls are taken again", || (call().status == 200).then_some(()));
}

#[tokio::test]
async fn a_server_that_stands_still_is_given_up_for_the_next_which_records_what_was_under_way() {
    let (Some(mut first), Some(second)) = (Server::start(), Server::start()) else { return };
    let database = name_of(&first.database());
    run(&second.database(), &format!("CREATE DATABASE {database}"));
    let hosts = format!("{},{}", first.folder().display(), second.folder().display());
    let url = format!("postgres://postgres@/{database}?host={hosts}");
    let alone = format!("postgres://postgres@/{database}?host={}", second.folder().display());
    open(&alone).unwrap().migrate().unwrap();
    let store = open(&url).unwrap();
    store.migrate().unwrap();
    let chain = Chain::new(crate::store::key(), Vec::new());
    let recorder = Recorder::start(&store, store.occupy("test").unwrap(), chain).unwrap();
    recorder.ready().await.unwrap();

    first.freeze();
    let began = tokio::time::Instant::now();
    let id = ServerId::new();
    let call = crate::store::call(id);
    recorder.call(call.clone()).await.unwrap();
    recorder.ready().await.unwrap();
    assert!(began.elapsed() < seconds(15), "it took {:?}", began.elapsed());
    let found = |store: Store| async move {
        let page = PageRequest::default();
        let list = store.read(move |db| calls::list(db, &[id], &Default::default(), &page)).await;
        list.map(|page| page.items.len())
    };
    assert_eq!(found(open(&alone).unwrap()).await.unwrap(), 1);
    let began = tokio::time::Instant::now();
    while found(store.clone()).await.is_err() {
        assert!(began.elapsed() < seconds(15), "reads do not come back");
    }
    first.thaw();
}
