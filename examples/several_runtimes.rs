//! Several runtimes: one for each tenant, with servers, accounts and records of its own, in a plain tokio program.
//!
//! Run it with `cargo run --example several_runtimes`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

use ostler::{
    Error, Runtime,
    calls::CallRequest,
    demo_server,
    model::{ServerConfig, ServerId},
    serde_json::json,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<ExitCode> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-several-runtimes-{}", std::process::id()));
    let outcome = several_runtimes(&folder).await;
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn several_runtimes(folder: &Path) -> Outcome<ExitCode> {
    let mut tenants = BTreeMap::new();
    for name in ["oats", "hay", "barley"] {
        let runtime = Runtime::builder().data_dir(folder.join(name)).start().await?;
        let this_program = env::current_exe()?.display().to_string();
        let config = ServerConfig::new("demo", this_program).args(["demo-server"]).env("TENANT", name);
        let id = runtime.servers().ensure(runtime.embedder(), config).await?.server.id;
        println!("started     {name}: its server says {:?}", tenant(&runtime, id).await?);
        assert_eq!(tenant(&runtime, id).await?, name);
        tenants.insert(name, (runtime, id));
    }

    // A folder is one runtime's alone.
    let second = Runtime::builder().data_dir(folder.join("hay")).start().await;
    let Err(Error::Conflict(why)) = second else { return Err("two runtimes in one folder".into()) };
    println!("refused     {why}");

    // One tenant's end is no other's.
    let (gone, id_of_gone) = tenants.remove("oats").ok_or("there is such a tenant")?;
    gone.stop().await;
    println!("stopped     oats");
    for (name, (runtime, id)) in &tenants {
        assert!(matches!(runtime.servers().get(runtime.embedder(), id_of_gone), Err(Error::NotFound(_))));
        assert_eq!(tenant(runtime, *id).await?, *name);
        println!("still here  {name}");
    }
    for (runtime, _) in tenants.values() {
        runtime.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The tenant of a server, by its environment.
async fn tenant(runtime: &Runtime, id: ServerId) -> ostler::Result<String> {
    let request = CallRequest::new("env", json!({"name": "TENANT"}));
    Ok(runtime.calls().call(runtime.embedder(), id, request).await?.text())
}
