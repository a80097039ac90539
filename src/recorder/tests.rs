//! The recorder's own thread, and a panic in it.

use std::path::{Path, PathBuf};

use crate::{
    model::{CallId, Outcome, ServerId, Timestamp, UserId},
    policy::audit_chain::ChainKey,
    store::{Connection, DatabaseUrl},
};

use std::sync::atomic::Ordering;

use super::{job::Job, *};

/// A defect that shows in this part of a commit.
#[derive(PartialEq)]
enum Bomb {
    Write,
    Answer,
}

impl Job for Bomb {
    fn run(&mut self, _: &mut Connection, _: &ChainKey) -> Result<()> {
        assert!(*self != Self::Write, "on purpose");
        Ok(())
    }

    fn lose(&mut self, _: &mut Connection, _: &Error) {}

    fn answer(self: Box<Self>, _: Result<()>) {
        panic!("on purpose")
    }
}

impl Bomb {
    fn plant(self, recorder: &Recorder) {
        recorder.send(QueuedItem { item: RecorderItem::Write(Box::new(self)), permit: None }).unwrap();
    }
}

fn entry() -> AuditEntry {
    AuditEntry::by_ostler("test", "target", Outcome::Success)
}

fn call() -> ToolCall {
    ToolCall {
        id: CallId::new(),
        server_id: ServerId::new(),
        user_id: UserId::new(),
        tool_name: "echo".into(),
        parameters: None,
        parameters_excerpt: None,
        response: None,
        response_excerpt: None,
        success: true,
        error_message: None,
        execution_time: 1,
        created_at: Timestamp::now(),
        waited: 0,
        trace_id: None,
    }
}

fn recorder(folder: &Path) -> Recorder {
    let store = Store::open(&DatabaseUrl::Sqlite(folder.join("ostler.db"))).unwrap();
    store.migrate().unwrap();
    let chain = Chain::new(ChainKey::new(&[7; 32]), Vec::new());
    Recorder::start(&store, store.occupy("test").unwrap(), chain).unwrap()
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()))
}

#[tokio::test]
async fn a_panic_in_the_recorders_thread_ends_neither_it_nor_what_comes_later() {
    let folder = folder();
    let recorder = recorder(&folder);
    recorder.audit(entry()).await.unwrap();

    for _ in 0..3 {
        Bomb::Answer.plant(&recorder);
        // It may have waited in the same group, and then hears that it is not known to be recorded.
        let _ = recorder.audit(entry()).await;
        recorder.ready().await.unwrap();
        recorder.audit(entry()).await.unwrap();
    }
    let whole = tokio::time::timeout(Duration::from_secs(10), recorder.room.acquire_many(QUEUE_UNITS_MAX)).await;
    drop(whole.expect("the room of what was lost is given back").unwrap());

    recorder.stop().await;
    assert!(recorder.audit(entry()).await.is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_call_lost_to_a_panic_keeps_others_from_tools_until_a_row_like_it_was_written() {
    let folder = folder();
    let recorder = recorder(&folder);
    recorder.ready().await.unwrap();
    let is_writable = || recorder.health.writable.load(Ordering::Relaxed);

    // Items sent while the thread is busy are one group.
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = recorder.write(None, move |_| {
        begun.send(()).unwrap();
        released.recv().unwrap();
        Ok(())
    });
    let lost = async {
        has_begun.await.unwrap();
        Bomb::Write.plant(&recorder);
        let (ack, answer) = oneshot::channel();
        recorder.send(QueuedItem { item: RecorderItem::Call(call(), ack), permit: None }).unwrap();
        release.send(()).unwrap();
        answer.await
    };
    let (busy, lost) = tokio::join!(busy, lost);
    busy.unwrap();
    assert!(lost.is_err(), "{lost:?}");

    assert!(!is_writable());
    recorder.audit(entry()).await.unwrap();
    assert!(!is_writable(), "what else is written proves nothing");
    recorder.ready().await.unwrap();
    assert!(is_writable());
    recorder.call(call()).await.unwrap();
    recorder.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
