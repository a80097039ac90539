//! The suite of tests of a program that embeds runtimes: any number at once, and nothing is left of any.

use std::thread;

use ostler::testing;

use super::*;

/// Tests of a suite, each on a thread of its own, as harnesses run them.
const TESTS: u32 = 20;

#[test]
fn tests_of_an_embedder_run_at_once_and_leave_nothing() {
    let tests: Vec<_> = (0..TESTS)
        .map(|test| {
            thread::spawn(move || tokio::runtime::Runtime::new().unwrap().block_on(calls_the_demo_server(test)))
        })
        .collect();
    for test in tests {
        let (process, folder) = test.join().unwrap();
        assert!(has_ended(&process, 0), "its process is left");
        assert!(!folder.exists(), "{} is left", folder.display());
    }
}

/// A test of an embedder; returns what must be gone after it.
async fn calls_the_demo_server(test: u32) -> (OwnedFd, std::path::PathBuf) {
    let runtime = testing::runtime().await.unwrap();
    let demo = runtime.demo_server().await.unwrap();
    assert_eq!(runtime.demo_server().await.unwrap(), demo);
    let sum = CallRequest::new("add", json!({"a": test, "b": 1}));
    let sum = runtime.calls().call(runtime.embedder(), demo, sum).await.unwrap();
    assert_eq!(sum.text(), (test + 1).to_string());
    assert!(runtime.folder().join("ostler.db").exists());
    (process_of(&runtime, demo).await, runtime.folder().to_owned())
}

#[test]
fn a_test_that_fails_during_a_call_leaves_nothing_and_does_not_wait_for_it() {
    let (sender, gone) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let settings = |builder: Builder| builder.call_timeout(std::time::Duration::from_secs(600));
            let runtime = testing::runtime_with(settings).await.unwrap();
            let oats = testing::demo_server("oats").unwrap().env("NAME", "oats");
            let id = runtime.servers().create(runtime.embedder(), oats).await.unwrap().server.id;
            assert_eq!(ask_name(&runtime, id).await.unwrap(), "oats");
            sender.send((process_of(&runtime, id).await, runtime.folder().to_owned())).unwrap();
            let (calls, me) = (runtime.calls().clone(), runtime.embedder().clone());
            let call = async move { calls.call(&me, id, CallRequest::new("sleep", json!({"ms": 600_000}))).await };
            tokio::spawn(call);
            let in_flight = || runtime.servers().get(runtime.embedder(), id).unwrap().runtime_status.in_flight;
            until("the call is in flight", async || in_flight() == 1).await;
            std::panic::resume_unwind(Box::new("this test fails"));
        });
    });
    test.join().unwrap_err();
    let (process, folder) = gone.recv().unwrap();
    assert!(has_ended(&process, 0), "its process is left");
    assert!(!folder.exists(), "{} is left", folder.display());
}
