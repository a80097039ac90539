//! The core beside another user of SQLite, which both have from one library: the lowest version that Ostler takes.

use std::error::Error;

use ostler::{calls::CallRequest, serde_json::json};
use rusqlite::Connection;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = ostler::testing::runtime().await?;
    let server = runtime.demo_server().await?;
    let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
    assert_eq!(runtime.calls().call(runtime.embedder(), server, sum).await?.text(), "5");
    runtime.stop().await;
    let database = Connection::open(runtime.folder().join("ostler.db"))?;
    let calls: i64 = database.query_row("SELECT count(*) FROM mcp_tool_calls", [], |row| row.get(0))?;
    assert_eq!(calls, 1);
    Ok(())
}
