//! The core beside a `rustls` with two providers of cryptography, neither of which is made the default of the process.

use std::error::Error;

use ostler::{calls::CallRequest, serde_json::json};
use rustls::crypto::CryptoProvider;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = ostler::testing::runtime().await?;
    let server = runtime.demo_server().await?;
    let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
    assert_eq!(runtime.calls().call(runtime.embedder(), server, sum).await?.text(), "5");
    runtime.stop().await;
    assert!(CryptoProvider::get_default().is_none());
    Ok(())
}
