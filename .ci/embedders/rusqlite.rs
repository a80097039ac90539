//! The core beside another user of SQLite, which both have from one library: the lowest version that Ostler takes.

mod supervised;

use std::error::Error;

use rusqlite::Connection;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = supervised::supervised().await?;
    runtime.stop().await;
    let database = Connection::open(runtime.folder().join("ostler.db"))?;
    let calls: i64 = database.query_row("SELECT count(*) FROM mcp_tool_calls", [], |row| row.get(0))?;
    assert_eq!(calls, 1);
    Ok(())
}
