//! Attempts on another process, by its number; where there is none, on the server's own.

use std::{fs::OpenOptions, io};

use rustix::{
    process::{
        Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, getpid, getuid, kill_process, kill_process_group,
        pidfd_getfd, pidfd_open, pidfd_send_signal, prlimit, setpriority_process, setpriority_user,
    },
    thread::{CpuSet, sched_setaffinity},
};

use super::kernel::{self, call};

/// A request of `ptrace` that neither stops the process nor has it wait (linux/ptrace.h).
const PTRACE_SEIZE: usize = 0x4206;

/// What `kcmp` is asked for: whether two processes share their memory (linux/kcmp.h).
const COMPARE_MEMORY: usize = 1;

/// The idle class of `ioprio_set`, for one process (linux/ioprio.h).
const OF_PROCESS: usize = 1;
const IDLE: usize = 3 << 13;

/// Makes it; `None` for an attempt of another kind.
pub(super) fn attempt(kind: &str, target: &str) -> Option<io::Result<()>> {
    let other = target.parse().ok().and_then(Pid::from_raw);
    let pid = other.unwrap_or_else(getpid);
    let number = pid.as_raw_nonzero().get() as usize;
    let done = match kind {
        "signal" => kill_process(pid, Signal::CONT).map_err(Into::into),
        "signal-group" => kill_process_group(pid, Signal::CONT).map_err(Into::into),
        "signal-by-descriptor" => {
            let opened = pidfd_open(pid, PidfdFlags::empty());
            opened.and_then(|opened| pidfd_send_signal(opened, Signal::CONT)).map_err(Into::into)
        }
        "signal-thread" => call(libc::SYS_tgkill, &[number, number, libc::SIGCONT as usize]).map(drop),
        "limit" => {
            let limit = Rlimit { current: Some(64), maximum: Some(512) };
            prlimit(other, Resource::Nofile, limit).map(drop).map_err(Into::into)
        }
        "priority" => setpriority_process(other, 19).map_err(Into::into),
        "priority-of-user" => setpriority_user(getuid(), 0).map_err(Into::into),
        "io-priority" => call(libc::SYS_ioprio_set, &[OF_PROCESS, number, IDLE]).map(drop),
        "scheduling" => {
            let priority = 0_i32;
            let address = (&raw const priority).expose_provenance();
            call(libc::SYS_sched_setscheduler, &[number, libc::SCHED_BATCH as usize, address]).map(drop)
        }
        "affinity" => {
            let mut processors = CpuSet::new();
            processors.set(0);
            sched_setaffinity(other, &processors).map_err(Into::into)
        }
        "trace" => call(libc::SYS_ptrace, &[PTRACE_SEIZE, number, 0, 0]).map(drop),
        "read-memory" => kernel::read_memory(number),
        "open-memory" => OpenOptions::new().write(true).open(format!("/proc/{number}/mem")).map(drop),
        "take-descriptor" => {
            let opened = pidfd_open(pid, PidfdFlags::empty());
            let taken = opened.and_then(|opened| pidfd_getfd(opened, 0, PidfdGetfdFlags::empty()));
            taken.map(drop).map_err(Into::into)
        }
        "compare" => {
            let own = std::process::id() as usize;
            call(libc::SYS_kcmp, &[own, number, COMPARE_MEMORY, 0, 0]).map(drop)
        }
        _ => return None,
    };
    Some(done)
}
