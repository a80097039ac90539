//! Quickstart: register a server, call its tools, read the record, and find everything again after a restart.
//!
//! Run it with `cargo run --example quickstart`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use ostler::{
    Runtime,
    actix::System,
    calls::CallRequest,
    demo_server,
    model::{CallFilter, PageRequest, ServerConfig, Status},
    serde_json::{Value, from_str, json},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-quickstart-{}", std::process::id()));
    let outcome = System::new().block_on(quickstart(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn quickstart(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();

    // Any command that speaks MCP on standard input and output works, such as `npx` or `uvx` with a package.
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]);
    let id = runtime.servers().create(me, config).await?.server.id;
    println!("registered  {id}");

    let status = runtime.servers().start(me, id).await?;
    let pid = status.pid.ok_or("a server that runs has a process")?;
    println!("ready       process {pid}, MCP {}", status.protocol_version.unwrap_or_default());

    for tool in runtime.listings().tools(me, id).await?.iter() {
        let tool: Value = from_str(tool.get())?;
        let text = |field: &str| tool.get(field).and_then(Value::as_str).unwrap_or_default();
        println!("tool        {:<8}{}", text("name"), text("description"));
    }

    let answer = runtime.calls().call(me, id, CallRequest::new("add", json!({"a": 2, "b": 3}))).await?;
    println!("called      2 + 3 = {}, in {} ms", answer.text(), answer.execution_time);
    assert_eq!(answer.text(), "5");

    // The call was recorded before its response.
    let calls = runtime.history().calls(me, id, CallFilter::default(), PageRequest::default()).await?.items;
    for call in &calls {
        let arguments = call.parameters.as_ref().map_or("…", |json| json.get());
        println!("on record   {} {arguments} at {}", call.tool_name, call.created_at);
    }
    assert_eq!(calls.first().map(|call| call.id), Some(answer.call_id));

    // Stopping ends every process. Enabled servers start again with the runtime.
    runtime.stop().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    println!("stopped     process {pid} is gone");

    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();
    let status = runtime.servers().wait_until(me, id, |status| status.status == Status::Running).await?;
    println!("started     the server is back, as process {}", status.pid.unwrap_or_default());
    assert_eq!(runtime.servers().get(me, id)?.server.total_calls, 1);

    runtime.servers().delete(me, id).await?;
    runtime.stop().await;
    println!("removed     nothing is left");
    Ok(ExitCode::SUCCESS)
}
