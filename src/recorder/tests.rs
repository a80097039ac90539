//! The recorder's own thread, and a panic in it.

use crate::{
    model::{AuditEntry, Outcome},
    policy::audit_chain::ChainKey,
    store::{Connection, DatabaseUrl},
};

use super::{job::Job, *};

/// A defect that shows when the group is committed and answers are given.
struct Bomb;

impl Job for Bomb {
    fn run(&mut self, _: &mut Connection, _: &ChainKey) -> Result<()> {
        Ok(())
    }

    fn lose(&mut self, _: &mut Connection, _: &Error) {}

    fn answer(self: Box<Self>, _: Result<()>) {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_panic_in_the_recorders_thread_ends_neither_it_nor_what_comes_later() {
    let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    let store = Store::open(&DatabaseUrl::Sqlite(folder.join("ostler.db"))).unwrap();
    store.migrate().unwrap();
    let chain = Chain::new(ChainKey::new(&[7; 32]), Vec::new());
    let recorder = Recorder::start(&store, store.occupy("test").unwrap(), chain).unwrap();
    let entry = || AuditEntry::by_ostler("test", "target", Outcome::Success);
    recorder.audit(entry()).await.unwrap();

    for _ in 0..3 {
        let bomb = Request { item: Item::Write(Box::new(Bomb)), permit: None };
        recorder.send(bomb).unwrap();
        // It may have waited in the same group, and then hears that it is not known to be recorded.
        let _ = recorder.audit(entry()).await;
        recorder.ready().await.unwrap();
        recorder.audit(entry()).await.unwrap();
    }
    let whole = tokio::time::timeout(Duration::from_secs(10), recorder.room.acquire_many(QUEUE)).await;
    drop(whole.expect("the room of what was lost is given back").unwrap());

    recorder.stop().await;
    assert!(recorder.audit(entry()).await.is_err());
    std::fs::remove_dir_all(folder).unwrap();
}
