//! A runtime that supervises the demo server.

use std::error::Error;

use ostler::{calls::CallRequest, serde_json::json, testing::TestRuntime};

/// Starts a runtime, and calls the demo server once.
pub async fn supervised() -> Result<TestRuntime, Box<dyn Error>> {
    let runtime = ostler::testing::runtime().await?;
    let server = runtime.demo_server().await?;
    let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
    assert_eq!(runtime.calls().call(runtime.embedder(), server, sum).await?.text(), "5");
    Ok(runtime)
}
