//! The process tree below this process.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::supervisor::proc_table::{ProcStat, ProcTable};

/// Sends `signal` to every descendant.
pub(super) fn signal_descendants(signal: Signal) {
    signal_each(&ProcTable::read().descendants(rustix::process::getpid().as_raw_nonzero().get()), signal);
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
