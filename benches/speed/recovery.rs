//! A killed server under load: how long until it answers again.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Outcome,
    load::Connection,
    ostler::{Folder, Ostler, PROGRAM},
    pipe::Pipe,
    plan::Plan,
    table::{Table, median},
};

/// Between calls.
const TRICKLE: Duration = Duration::from_millis(10);
/// Calls before a server is killed.
const BEFORE: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let ostler = Ostler::start(&folder, &folder.database("ostler.db"), plan.workers).await?;
    let (mut starts, mut recoveries, mut lost) = (Vec::new(), Vec::new(), 0);
    for number in 0..plan.kills {
        starts.push(Pipe::open(PROGRAM.as_ref())?.start.as_secs_f64());
        // A server of its own each time: the wait grows with every failure of the same one.
        let server = ostler.register(&format!("server {number}"), true).await?;
        ostler.ready(&server).await?;
        let (time, failed) = timeout(PATIENCE, recover(&ostler, &server)).await??;
        recoveries.push(time.as_secs_f64());
        lost += failed;
    }
    let of = |times: Vec<f64>| format!("{:.0} ms", median(times.into_iter()) * 1000.0);
    let start = of(starts);
    table.add_figure("start of the demo server itself: spawn, handshake, tools", start.clone());
    let means = format!("{}, median of {} (aim: under 1 s + {start})", of(recoveries), plan.kills);
    table.add_figure("`kill -9` of a server under load: to the next answer", means);
    table.add_figure("the same: calls that failed, all kills together", lost.to_string());
    Ok(())
}

/// From the kill to the next answer of a call, and how many calls failed between.
async fn recover(ostler: &Ostler, server: &str) -> Outcome<(Duration, usize)> {
    let mut connection = Connection::open(ostler.address).await?;
    let call = ostler.call(server);
    for _ in 0..BEFORE {
        connection.ask(&call).await?;
        sleep(TRICKLE).await;
    }
    let view = ostler.ask("GET", &format!("/api/mcp/{server}"), &Value::Null).await?;
    let pid = view.pointer("/runtimeStatus/pid").and_then(Value::as_i64).and_then(|pid| Pid::from_raw(pid as i32));
    let pid = pid.ok_or("the server has no process")?;
    let (killed, mut failed) = (Instant::now(), 0);
    kill_process(pid, Signal::KILL)?;
    loop {
        let answer = connection.ask(&call).await?;
        match answer.status {
            200 => return Ok((killed.elapsed(), failed)),
            503 => failed += 1,
            status => return Err(format!("after a kill: {status}").into()),
        }
        sleep(TRICKLE).await;
    }
}
