//! The supervisor is lost and replaced; a part does not go on; the last records of a stop.

#[cfg(not(feature = "remote"))]
mod core_build;

use std::{sync::mpsc, time::Duration};

use crate::{
    calls::CallRequest,
    model::{HealthStatus, ServerConfig, Status, Timestamp},
    store::Connection,
    supervisor::tests::{Block, Panic, program},
};

use super::*;

fn demo() -> ServerConfig {
    ServerConfig::new("demo", program().display().to_string()).args(["demo-server"])
}

/// A runtime in a folder of its own, which goes with [`end`].
async fn begin() -> (Runtime, std::path::PathBuf) {
    let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    (Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap(), folder)
}

async fn end((runtime, folder): (Runtime, std::path::PathBuf)) {
    runtime.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[actix::test]
async fn calls_work_again_after_a_panic_in_the_supervisor() {
    let (runtime, folder) = begin().await;
    let who = runtime.embedder().clone();
    let id = runtime.servers().create(&who, demo()).await.unwrap().server.id;
    runtime.calls().call(&who, id, CallRequest::new("pid", serde_json::Value::Null)).await.unwrap();

    assert!(runtime.inner.placement.supervisor().ask(Panic).await.is_err());
    // A call that still reached the old process fails as one in flight.
    let works_again = async {
        while runtime.calls().call(&who, id, CallRequest::new("pid", serde_json::Value::Null)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), works_again).await.expect("no call works any more");
    end((runtime, folder)).await;
}

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has the recorder do nothing else until the sender is dropped.
async fn hold_recorder(runtime: &Runtime) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (hold, held) = tokio::sync::oneshot::channel();
    let recorder = runtime.inner.recorder.clone();
    let work = move |_: &mut Connection| {
        hold.send(()).unwrap();
        Ok(released.recv())
    };
    actix::spawn(async move { recorder.write(None, work).await });
    held.await.unwrap();
    release
}

#[actix::test]
async fn a_watchdog_learns_which_part_does_not_go_on() {
    let (runtime, folder) = begin().await;
    assert_eq!(runtime.liveness(PATIENCE).await, Ok(()));
    let release = hold_recorder(&runtime).await;
    assert_eq!(runtime.liveness(Duration::from_millis(300)).await, Err("the recorder"));
    drop(release);
    assert_eq!(runtime.liveness(PATIENCE).await, Ok(()));

    let (release, blocked) = mpsc::channel();
    runtime.inner.placement.supervisor().address().do_send(Block(blocked));
    // On a busy machine the recorder needs longer.
    assert_eq!(runtime.liveness(Duration::from_secs(3)).await, Err("the supervisor"));
    drop(release);
    assert_eq!(runtime.liveness(PATIENCE).await, Ok(()));
    end((runtime, folder)).await;
}

#[actix::test]
async fn a_stop_records_the_last_state_of_every_server() {
    let (runtime, folder) = begin().await;
    let who = runtime.embedder().clone();
    let mut servers = Vec::new();
    for number in 0..4 {
        let config = ServerConfig { name: number.to_string(), ..demo() };
        let id = runtime.servers().create(&who, config).await.unwrap().server.id;
        runtime.calls().call(&who, id, CallRequest::new("pid", serde_json::Value::Null)).await.unwrap();
        servers.push(id);
    }
    let release = hold_recorder(&runtime).await;
    let stopping = runtime.clone();
    let stopping = actix::spawn(async move { stopping.stop().await });
    let status = |id| runtime.inner.registry.get(id).unwrap().link.view.borrow().status;
    while !servers.iter().all(|id| status(*id) == Status::Stopped) {
        tokio::task::yield_now().await;
    }
    drop(release);
    stopping.await.unwrap();
    drop(runtime);

    let runtime = Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap();
    for id in servers {
        let now = Timestamp::now();
        let since = now.minus(Duration::from_secs(3600));
        let changes = runtime.history().health_changes(runtime.embedder(), id, since, now).await.unwrap();
        let stopped = changes.iter().filter(|change| change.health_status == HealthStatus::Stopped).count();
        assert_eq!(stopped, 1, "{changes:?}");
    }
    end((runtime, folder)).await;
}
