//! Events: a program hears of crashes and restarts as they happen, and mends a server that was given up.
//!
//! Run it with `cargo run --example events`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{env, error::Error, fs, path::Path, process::ExitCode, time::Duration};

use ostler::{
    Runtime,
    actix::System,
    calls::CallRequest,
    demo_server,
    events::LiveEvent,
    futures_util::{StreamExt, future::join, stream::BoxStream},
    model::{ServerChange, ServerConfig, ServerId},
    runtime::RestartPolicy,
    serde_json::json,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-events-{}", std::process::id()));
    let outcome = System::new().block_on(events(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn events(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    // The first wait before a restart; the default is half a second.
    let restart = RestartPolicy { base: Duration::from_millis(50), ..RestartPolicy::default() };
    let runtime = Runtime::builder().data_dir(folder).restart(restart).start().await?;
    let me = runtime.embedder();
    // From now on: what happens before is not among them.
    let mut events = runtime.events().follow(me);

    let this_program = env::current_exe()?.display().to_string();
    let demo = ServerConfig::new("demo", &this_program).args(["demo-server"]);
    let id = runtime.servers().create(me, demo).await?.server.id;
    let failure = runtime.calls().call(me, id, CallRequest::new("crash", json!({"code": 7}))).await;
    assert!(failure.is_err(), "a call is not answered by a server that dies of it");
    assert_eq!(until_restart(&mut events, id).await?, Some(7));

    let broken = ServerConfig::new("broken", "sh").args(["-c", "echo 'there are no oats' >&2; exit 3"]);
    let broken = runtime.servers().create(me, broken).await?.server.id;
    until_given_up(&mut events, broken).await?;
    // Here a person would be called. This program knows what to do by itself.
    let args = Some(vec!["demo-server".to_owned()]);
    let change = ServerChange { command: Some(this_program), args, ..ServerChange::default() };
    runtime.servers().update(me, broken, change, None).await?;
    runtime.servers().start(me, broken).await?;
    let answer = runtime.calls().call(me, broken, CallRequest::new("echo", json!({"text": "oats again"}))).await?;
    println!("mended      \"{}\"", answer.text());
    assert_eq!(answer.text(), "oats again");

    // The stream ends when the runtime stops, after all that was before; a task that follows it needs no other sign.
    let (rest, ()) = join(events.collect::<Vec<_>>(), runtime.stop()).await;
    println!("stopped     and with the runtime its events, after {} more", rest.len());
    assert!(rest.iter().any(|event| matches!(event, LiveEvent::Call { server_id, .. } if *server_id == broken)));
    Ok(ExitCode::SUCCESS)
}

/// Follows events until a server is restarted; returns the exit code of the process before.
async fn until_restart(
    events: &mut BoxStream<'static, LiveEvent>,
    id: ServerId,
) -> Result<Option<i32>, Box<dyn Error>> {
    let mut code = None;
    while let Some(event) = events.next().await {
        if let LiveEvent::Exit { server_id, report, .. } = &event
            && *server_id == id
        {
            println!("exit        it {}", report.reason);
            code = report.code;
        }
        if let LiveEvent::Restart { server_id, attempt, .. } = &event
            && *server_id == id
        {
            println!("restart     after {attempt} failure in a row");
            return Ok(code);
        }
    }
    Err("the runtime stopped before".into())
}

/// Follows events until a server is given up.
async fn until_given_up(events: &mut BoxStream<'static, LiveEvent>, id: ServerId) -> Result<(), Box<dyn Error>> {
    while let Some(event) = events.next().await {
        if let LiveEvent::GaveUp { server_id, reason, .. } = &event
            && *server_id == id
        {
            println!("gave up     {reason}");
            return Ok(());
        }
        // A reader that was too slow reads the state itself, which is always the newest.
        assert!(!matches!(event, LiveEvent::Gap { .. }));
    }
    Err("the runtime stopped before".into())
}
