//! The supervisor is lost and replaced.

use crate::{
    calls::CallRequest,
    model::ServerConfig,
    supervisor::tests::{Panic, program},
};

use super::*;

fn demo() -> ServerConfig {
    ServerConfig::new("demo", program().display().to_string()).args(["demo-server"])
}

#[actix::test]
async fn calls_work_again_after_a_panic_in_the_supervisor() {
    let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    let runtime = Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap();
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
    tokio::time::timeout(std::time::Duration::from_secs(30), works_again).await.expect("no call works any more");

    runtime.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
