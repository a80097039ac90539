//! The core in a program of axum, which has a tokio runtime of its own.

use std::error::Error;

use axum::{Router, routing::get};
use ostler::{calls::CallRequest, serde_json::json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = ostler::testing::runtime().await?;
    let (server, calls) = (runtime.demo_server().await?, runtime.clone());
    let handler = async move || {
        let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
        calls.calls().call(calls.embedder(), server, sum).await.map_or_else(|error| error.to_string(), |sum| sum.text())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", get(handler))).await });

    let mut client = TcpStream::connect(address).await?;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut response = String::new();
    client.read_to_string(&mut response).await?;
    assert!(response.ends_with("\r\n\r\n5"), "{response}");
    runtime.stop().await;
    Ok(())
}
