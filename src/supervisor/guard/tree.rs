//! The process tree below this process.

use std::{collections::HashSet, fs};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::supervisor::proc_table::{ProcStat, ProcTable};

/// Sends `signal` to every descendant.
pub(super) fn signal_descendants(signal: Signal) {
    signal_each(&ProcTable::read().descendants(this()), signal);
}

/// Asks every descendant to end, also those that are stopped.
pub(super) fn terminate_descendants() {
    let all = ProcTable::read().descendants(this());
    signal_each(&all, Signal::TERM);
    signal_each(&all, Signal::CONT);
}

/// Every process below `root`, parents before their children, read without a look at any other.
pub(super) fn below(root: i32) -> Vec<i32> {
    let (mut found, mut next, mut seen) = (Vec::new(), children(root), HashSet::from([root]));
    while let Some(pid) = next.pop() {
        if seen.insert(pid) {
            found.push(pid);
            next.extend(children(pid));
        }
    }
    found
}

/// Sends `signal` to these descendants, through pidfds so that a recycled number is never hit.
pub(super) fn signal_each(pids: &[i32], signal: Signal) {
    let parent_of = |pid| ProcStat::of(pid).map(|stat| stat.parent);
    for pid in pids.iter().copied() {
        let Some(parent) = parent_of(pid) else { continue };
        let Ok(handle) =
            Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))
        else {
            continue;
        };
        // Still the same process: its parent has not changed since it was found to be ours.
        if parent_of(pid) == Some(parent) {
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

/// The number of this process.
pub(super) fn this() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Children of all threads of a process.
fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
