//! Crash and recover: a server that dies restarts; one that keeps dying is given up, with the reason.
//!
//! Run it with `cargo run --example crash_and_recover`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{env, error::Error, fs, path::Path, process::ExitCode, time::Duration};

use ostler::{
    Runtime,
    actix::System,
    calls::CallRequest,
    demo_server,
    model::{ServerConfig, ServerId, Status},
    runtime::RestartPolicy,
    serde_json::json,
};
use rustix::process::{Pid, Signal, kill_process};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-crash-and-recover-{}", std::process::id()));
    let outcome = System::new().block_on(crash_and_recover(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn crash_and_recover(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    // The first wait before a restart; it doubles with each failure in a row. The default is half a second.
    let restart = RestartPolicy { base: Duration::from_millis(50), ..RestartPolicy::default() };
    let runtime = Runtime::builder().data_dir(folder).restart(restart).start().await?;
    crashes_by_itself(&runtime).await?;
    is_killed(&runtime).await?;
    keeps_crashing(&runtime).await?;
    runtime.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn crashes_by_itself(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let (me, id) = (runtime.embedder(), demo(runtime).await?);
    let failure = runtime.calls().call(me, id, CallRequest::new("crash", json!({"code": 7}))).await;
    println!("crashed     {}", failure.err().ok_or("a call is not answered by a server that dies of it")?);

    // Ostler restarts it: the next call waits, within its deadline, until it is back.
    let answer = runtime.calls().call(me, id, CallRequest::new("echo", json!({"text": "here again"}))).await?;
    let exit = runtime.servers().get(me, id)?.runtime_status.last_exit.ok_or("the end is remembered")?;
    println!("recovered   \"{}\", after it {}", answer.text(), exit.reason);
    assert_eq!((answer.text().as_str(), exit.code), ("here again", Some(7)));
    Ok(runtime.servers().delete(me, id).await?)
}

async fn is_killed(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let (me, id) = (runtime.embedder(), demo(runtime).await?);
    let first = runtime.servers().start(me, id).await?.pid.ok_or("a server that runs has a process")?;
    kill_process(Pid::from_raw(first.try_into()?).ok_or("no process id")?, Signal::KILL)?;
    runtime.servers().wait_until(me, id, |status| status.pid != Some(first)).await?;
    println!("killed      process {first}, with SIGKILL");

    let second = runtime.calls().call(me, id, CallRequest::new("pid", json!({}))).await?.text();
    println!("recovered   process {second} answers");
    assert_ne!(second, first.to_string());
    Ok(runtime.servers().delete(me, id).await?)
}

async fn keeps_crashing(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let me = runtime.embedder();
    let broken = ServerConfig::new("broken", "sh").args(["-c", "echo 'there are no oats' >&2; exit 3"]);
    let id = runtime.servers().create(me, broken).await?.server.id;
    let status = runtime.servers().wait_until(me, id, |status| status.status == Status::Failed).await?;
    let exit = status.last_exit.ok_or("the end is remembered")?;
    println!("gave up     after {} restarts it {}, saying {:?}", status.restarts, exit.reason, exit.stderr);
    // Twice the same words before it said anything else: that does not change by itself.
    assert_eq!(status.next_attempt_at, None);
    assert_eq!((exit.code, exit.stderr), (Some(3), vec!["there are no oats".to_owned()]));

    // A call does not wait for a server that was given up: it is refused at once, with the reason.
    let refusal = runtime.calls().call(me, id, CallRequest::new("echo", json!({"text": "?"}))).await;
    println!("refused     {}", refusal.err().ok_or("no process is there to answer")?);
    Ok(())
}

/// A demo server, registered and starting.
async fn demo(runtime: &Runtime) -> Result<ServerId, Box<dyn Error>> {
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]);
    Ok(runtime.servers().create(runtime.embedder(), config).await?.server.id)
}
