//! The process table: the processes of a server, by the mark that each inherits, and their end.

use std::{fs, time::Duration};

use ostler::model::ServerId;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::expectation::Failure;

/// Time between two looks at the process table, of whose changes nothing tells.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until no process of these servers is left.
pub async fn all_gone(ids: &[ServerId], within: Duration) -> Result<String, Failure> {
    let gone = async {
        while ids.iter().any(|id| !of_server(*id).is_empty()) {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(within, gone).await.is_ok() {
        return Ok(String::new());
    }
    let left: Vec<_> = ids.iter().flat_map(|id| of_server(*id)).collect();
    Err(Failure::new(format!("no process within {within:?}"), left.join("\n")))
}

/// Every process of a server, its descendants too: each with its number and its command line.
fn of_server(id: ServerId) -> Vec<String> {
    let mark = format!("OSTLER_SERVER_ID={id}");
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.push(format!("process {} {command}", process.file_name().display()));
        }
    }
    found
}

/// Ends a process with SIGKILL.
pub fn kill(pid: u32) -> Result<(), String> {
    let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(known.ok_or("no process id")?, Signal::KILL).map_err(|error| error.to_string())
}
