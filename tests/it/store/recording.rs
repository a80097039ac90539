//! What the recorder promises while all is well.

use futures_util::future::join_all;
use ostler::{
    Error,
    model::{CallFilter, PageRequest},
    policy::audit_chain::Walk,
    store::{Connection, audit, audit_chain, calls, servers, users},
};

use super::*;
use crate::support::{seconds, within};

on_both! {
    async fn an_acknowledged_call_is_there_after_reopening(url: DatabaseUrl) {
        let (_, recorder) = open(&url);
        let one = call(ServerId::new());
        recorder.call(one.clone()).await.unwrap();
        // Another program's view: nothing of ours is closed or stopped yet.
        assert_eq!(recorded(&Store::open(&url).unwrap(), one.server_id).await, [one.id]);
    }

    async fn every_call_of_a_crowd_is_recorded_and_counted_once(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let stored = server(UserId::new());
        let id = stored.server.id;
        recorder.write(None, move |db| servers::insert(db, &stored)).await.unwrap();
        let crowd = (0..300).map(|n| recorder.call(ToolCall { success: n % 3 != 0, ..call(id) }));
        join_all(crowd).await.into_iter().for_each(Result::unwrap);
        let all = store.read(servers::all).await.unwrap();
        let counted = &all[0].server;
        assert_eq!((counted.total_calls, counted.total_errors, counted.total_execution_time), (300, 100, 2100));
        assert!(counted.last_used_at.is_some());
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 300);
    }

    async fn all_who_write_to_the_audit_log_add_to_one_chain(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let entry = |n: usize| AuditEntry::by_ostler("test", n, Outcome::Success);
        let write = |store: Store| move || {
            let mut db = store.writer().unwrap();
            for n in 0..10 {
                // A lock that others hold for long is no defect: the entry is written once that is free.
                within(seconds(30), "it is written", || audit::insert(&mut db, &key(), &[entry(n), entry(n)]).ok());
            }
        };
        let others: Vec<_> = (0..3).map(|_| std::thread::spawn(write(store.clone()))).collect();
        let recorded = join_all((0..100).map(|n| recorder.audit(entry(n)))).await;
        recorded.into_iter().for_each(Result::unwrap);
        others.into_iter().for_each(|other| other.join().unwrap());
        let links = store.read(|db| audit_chain::page(db, 0, 1000)).await.unwrap();
        let mut walk = Walk::new(key(), Vec::new());
        links.iter().for_each(|one| walk.take(one).unwrap());
        assert_eq!((walk.entries, walk.unkeyed, walk.finish()), (161, 0, None));
    }

    async fn one_failing_write_spoils_nobody_elses(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let (good, taken) = (user("a@example.org"), user("a@example.org"));
        let one = call(ServerId::new());
        let refusal = |db: &mut Connection| -> ostler::Result<()> {
            users::insert(db, &user("half-done@example.org"))?;
            Err(Error::StoreUnavailable("says the closure, not the database".into()))
        };
        let panic = |db: &mut Connection| -> ostler::Result<()> {
            db.transaction(|db| {
                users::insert(db, &user("half-done@example.org"))?;
                panic!("on purpose")
            })
        };
        let (first, second, failed, panicked, called, audited) = tokio::join!(
            recorder.write(Some(entry("good")), move |db| users::insert(db, &good)),
            recorder.write(Some(entry("taken")), move |db| users::insert(db, &taken)),
            recorder.write(Some(entry("failed")), refusal),
            recorder.write(Some(entry("panicked")), panic),
            recorder.call(one.clone()),
            recorder.audit(entry("audited")),
        );
        first.unwrap();
        assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
        assert!(matches!(failed, Err(Error::StoreUnavailable(_))), "{failed:?}");
        assert!(matches!(panicked, Err(Error::Internal(_))), "{panicked:?}");
        called.unwrap();
        audited.unwrap();
        assert_eq!(store.read(users::count).await.unwrap(), 1);
        assert_eq!(recorded(&store, one.server_id).await, [one.id]);
        let (all, first) = (Default::default(), Default::default());
        let lines = store.read(move |db| ostler::store::audit::list(db, &all, &first)).await.unwrap();
        let mut actions: Vec<_> = lines.items.iter().map(|line| line.action.as_str()).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["audit.begin", "audited", "good"]);
        recorder.ready().await.unwrap();
    }

    async fn a_write_that_hides_its_failure_spoils_nobody_elses(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let first = user("a@example.org");
        let swallow = |db: &mut Connection| {
            let _ = users::insert(db, &user("a@example.org"));
            Ok(())
        };
        let (good, _hidden, called) = tokio::join!(
            recorder.write(None, move |db| users::insert(db, &first)),
            recorder.write(None, swallow),
            recorder.call(call(ServerId::new())),
        );
        good.unwrap();
        called.unwrap();
        assert_eq!(store.read(users::count).await.unwrap(), 1);
    }

    async fn a_call_recorded_already_is_not_recorded_or_counted_again(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let stored = server(UserId::new());
        let id = stored.server.id;
        recorder.write(None, move |db| servers::insert(db, &stored)).await.unwrap();
        let (one, other) = (call(id), call(id));
        recorder.call(one.clone()).await.unwrap();
        let (again, new) = tokio::join!(recorder.call(one.clone()), recorder.call(other.clone()));
        again.unwrap();
        new.unwrap();
        assert_eq!(recorded(&store, id).await, [other.id, one.id]);
        assert_eq!(store.read(servers::all).await.unwrap()[0].server.total_calls, 2);
    }

    async fn what_is_queued_is_committed_before_it_stops(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let id = ServerId::new();
        let crowd = (0..50).map(|_| recorder.call(call(id)));
        let stop = async {
            tokio::task::yield_now().await;
            recorder.stop().await;
        };
        let (answers, ()) = tokio::join!(join_all(crowd), stop);
        answers.into_iter().for_each(Result::unwrap);
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 50);
        assert!(matches!(recorder.call(call(id)).await, Err(Error::StoreUnavailable(_))));
        assert!(matches!(recorder.ready().await, Err(Error::StoreUnavailable(_))));
        recorder.stop().await;
    }

    async fn a_full_queue_refuses_new_calls_and_keeps_finished_ones(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let id = ServerId::new();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let blocked = recorder.write(None, move |_| Ok(held.recv().is_ok()));
        let crowd = join_all((0..4200).map(|_| recorder.call(call(id))));
        let refusal = async {
            tokio::task::yield_now().await;
            let refused = recorder.ready().await;
            release.send(()).unwrap();
            refused
        };
        let (blocked, answers, refused) = tokio::join!(blocked, crowd, refusal);
        assert!(blocked.unwrap());
        assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
        answers.into_iter().for_each(Result::unwrap);
        assert_eq!(store.read(move |db| count_calls(db, id)).await.unwrap(), 4200);
        recorder.ready().await.unwrap();
    }
}

pub(super) async fn recorded(store: &Store, server: ServerId) -> Vec<CallId> {
    let page = store
        .read(move |db| calls::list(db, &[server], &CallFilter::default(), &PageRequest { limit: 100, cursor: None }))
        .await
        .unwrap();
    page.items.iter().map(|call| call.id).collect()
}

pub(super) fn count_calls(db: &mut Connection, server: ServerId) -> ostler::Result<usize> {
    let (mut count, mut request) = (0, PageRequest { limit: 100, cursor: None });
    loop {
        let page = calls::list(db, &[server], &CallFilter::default(), &request)?;
        count += page.items.len();
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            return Ok(count);
        }
    }
}
