//! The host of a runtime: any executor, and one that ends before the runtime does.

use std::sync::Arc;

use super::*;

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_runtime_starts_in_any_executor_and_outlives_it() {
    let folder = Folder::new();
    let (first, second) = (tokio_runtime(), tokio::runtime::Runtime::new().unwrap());
    let (runtime, id) = first.block_on(async {
        let runtime = start(&folder).await;
        let id = demo(&runtime, "oats").await;
        assert_eq!(ask_name(&runtime, id).await.unwrap(), "oats");
        (runtime, id)
    });
    drop(first);
    second.block_on(async { assert_eq!(ask_name(&runtime, id).await.unwrap(), "oats") });
    drop(second);
    System::new().block_on(async { assert_eq!(ask_name(&runtime, id).await.unwrap(), "oats") });
    tokio_runtime().block_on(runtime.stop());
}

#[test]
fn a_call_under_way_is_on_record_where_its_host_has_ended() {
    let folder = Folder::new();
    let host = tokio_runtime();
    let (runtime, id) = host.block_on(async {
        let runtime = start(&folder).await;
        let id = demo(&runtime, "oats").await;
        runtime.servers().start(runtime.embedder(), id).await.unwrap();
        (runtime, id)
    });
    let (calls, who) = (Arc::clone(runtime.calls()), runtime.embedder().clone());
    let (request, mut progress) = CallRequest::new("sleep", json!({"ms": 30_000})).progress();
    let call = async move { calls.call(&who, id, request).await };
    host.block_on(async {
        tokio::spawn(call);
        // Only a server that has the call reports progress; lists that are read are in flight, too.
        progress.next().await.unwrap();
    });
    drop(host);
    tokio_runtime().block_on(async {
        // Its caller is gone, which cancels it.
        let recorded = || runtime.servers().get(runtime.embedder(), id).unwrap().server.total_calls;
        until("the call is on record", async || recorded() == 1).await;
        runtime.stop().await;
    });
}
