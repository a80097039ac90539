//! Rolling update: the configuration of a server changes while eight callers use it, and no call fails.
//!
//! Run it with `cargo run --example rolling_update`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{collections::BTreeMap, env, error::Error, fs, path::Path, process::ExitCode};

use ostler::{
    Runtime,
    actix::{self, System},
    calls::CallRequest,
    demo_server,
    model::{ServerChange, ServerConfig, ServerId},
    serde_json::json,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-rolling-update-{}", std::process::id()));
    let outcome = System::new().block_on(rolling_update(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn rolling_update(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]).env("FODDER", "hay");
    let id = runtime.servers().create(me, config).await?.server.id;
    let mut pid = runtime.servers().start(me, id).await?.pid;
    println!("serving     hay, as process {}", pid.unwrap_or_default());

    // The process that gets this call answers it, even if it is replaced meanwhile.
    let slow = actix::spawn(call(runtime.clone(), id, CallRequest::new("sleep", json!({"ms": 500}))));
    let callers: Vec<_> = (0..8).map(|_| actix::spawn(call_until(runtime.clone(), id, "barley"))).collect();

    for fodder in ["oats", "barley"] {
        let env = BTreeMap::from([("FODDER".to_owned(), fodder.to_owned())]);
        let change = ServerChange { env: Some(env), ..ServerChange::default() };
        runtime.servers().update(me, id, change, None).await?;
        pid = runtime.servers().wait_until(me, id, |status| status.pid.is_some() && status.pid != pid).await?.pid;
        println!("moved to    {fodder}, as process {}", pid.unwrap_or_default());
    }

    let mut answered = 0;
    for caller in callers {
        // A single failed call would end the example here.
        answered += caller.await??;
    }
    println!("answered    {answered} calls of 8 callers, none failed");
    println!("and         the slow one: {}", slow.await??);

    let server = runtime.servers().get(me, id)?.server;
    assert_eq!((server.total_calls, server.total_errors), (answered + 1, 0));
    runtime.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Asks for the fodder until it is `last`; returns the number of calls, or the first failure.
async fn call_until(runtime: Runtime, id: ServerId, last: &str) -> ostler::Result<i64> {
    let mut calls = 1;
    while call(runtime.clone(), id, CallRequest::new("env", json!({"name": "FODDER"}))).await? != last {
        calls += 1;
    }
    Ok(calls)
}

async fn call(runtime: Runtime, id: ServerId, request: CallRequest) -> ostler::Result<String> {
    Ok(runtime.calls().call(runtime.embedder(), id, request).await?.text())
}
