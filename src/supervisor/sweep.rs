//! Finding what an earlier run left behind, by a mark in the environment that every descendant inherits.
//!
//! The mark is `<id of the data folder>@<device:inode of its lock>`. The holder of that lock knows that no living
//! Ostler bears it. A copy of the folder has another lock, so its sweep spares the servers of the original, in any
//! process namespace.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::supervisor::proc_table;

/// The variable whose value names the data folder a process belongs to: its id, and the lock of its Ostler.
pub const INSTALLATION_VARIABLE: &str = "OSTLER_INSTALLATION";

/// Name of the variable that tells a process which server it is of.
pub const SERVER_VARIABLE: &str = "OSTLER_SERVER_ID";

/// The variable whose value names one process of a server, and whatever it started.
pub(super) const INSTANCE_VARIABLE: &str = "OSTLER_INSTANCE";

/// Kills every process whose environment says `variable=value`, and returns how many there were. Blocks, for
/// milliseconds. Call it only where nothing so marked can be wanted, as while holding an installation's lock.
pub fn sweep(variable: &str, value: &str) -> usize {
    let mark = format!("{variable}={value}");
    proc_table::pids().filter(|pid| kill_marked(*pid, mark.as_bytes()).is_some()).count()
}

/// Opening the pidfd before looking makes sure that the process looked at is the one killed.
fn kill_marked(pid: i32, mark: &[u8]) -> Option<()> {
    if u32::try_from(pid).ok()? == std::process::id() {
        return None;
    }
    let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find(|variable| *variable == mark)?;
    pidfd_send_signal(handle, Signal::KILL).ok()
}
