//! [`Throttle`]: holds the tree below this process to a share of the processors, by stopping all of it for a while and
//! having it go on (SIGSTOP, SIGCONT).
//!
//! So it needs no control group, which ordinary users may seldom make. What stops is not lost: if this process is
//! killed, the server dies with it, and Ostler kills the rest of the tree.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::{
    policy::cpu_allowance::{CpuAllowance, Turn},
    supervisor::{
        guard::{sys, tree},
        proc_table::{CLOCK_TICK, ProcStat},
    },
};

/// Walks of the tree for one stop: processes may have been started beside each.
const WALKS_MAX: usize = 4;

/// Time for which the tree is stopped between two reports of it.
const REPORTED_EACH: Duration = Duration::from_secs(1);

/// The share of a tree, and what it uses.
pub(super) struct Throttle {
    allowance: CpuAllowance,
    /// Times of the last look, and of the next.
    looked: Instant,
    pub due: Instant,
    /// Processes of the last walk, and the processor time that they had used then.
    pids: Vec<i32>,
    own: Duration,
    /// Processor time of the whole tree by then, with that of processes that had ended.
    total: Duration,
    /// Processes that are stopped.
    stopped: Vec<i32>,
    /// Time for which the tree was stopped, and how much of it was reported.
    held: Duration,
    reported: Option<Duration>,
}

impl Throttle {
    pub(super) fn new(percent: u64) -> Self {
        let now = Instant::now();
        let mut throttle = Self {
            allowance: CpuAllowance::new(percent),
            looked: now,
            due: now,
            pids: Vec::new(),
            own: Duration::ZERO,
            total: Duration::ZERO,
            stopped: Vec::new(),
            held: Duration::ZERO,
            reported: None,
        };
        // What was used before, such as by a trial, is not the server's.
        throttle.used();
        throttle
    }

    /// Takes a look, and stops the tree or has it go on; the time for which it was stopped in all, now and then.
    pub(super) fn look(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        if !self.stopped.is_empty() {
            self.held = self.held.saturating_add(passed);
        }
        let used = self.used();
        self.due = match self.allowance.turn(passed, used) {
            Turn::Run(time) => {
                self.go_on();
                now + time
            }
            Turn::Hold(time) => {
                self.stop();
                now + time
            }
        };
        let is_due = self.held > self.reported.map_or(Duration::ZERO, |reported| reported + REPORTED_EACH);
        is_due.then(|| *self.reported.insert(self.held))
    }

    /// Has what is stopped go on.
    pub(super) fn go_on(&mut self) {
        let stopped = std::mem::take(&mut self.stopped);
        if !stopped.is_empty() {
            // Found again, for numbers of those that were killed meanwhile may be others' by now.
            let there: Vec<_> = tree::below(tree::this()).into_iter().filter(|pid| stopped.contains(pid)).collect();
            tree::signal_each(&there, Signal::CONT);
        }
    }

    /// Stops all that runs. What the server itself has stopped is left to it.
    fn stop(&mut self) {
        for _ in 0..WALKS_MAX {
            let is_new =
                |pid: &i32| !self.stopped.contains(pid) && ProcStat::of(*pid).is_some_and(|stat| !stat.is_stopped);
            let found: Vec<_> = tree::below(tree::this()).into_iter().filter(is_new).collect();
            if found.is_empty() {
                return;
            }
            tree::signal_each(&found, Signal::STOP);
            self.stopped.extend(found);
        }
    }

    /// Processor time used since the last call. That of a process which its parent does not wait for is lost with it.
    fn used(&mut self) -> Duration {
        // Where none of them has run, none has started another, and a look costs next to nothing.
        if !self.pids.is_empty() && own(&self.pids) == self.own {
            return Duration::ZERO;
        }
        self.pids = tree::below(tree::this());
        self.own = own(&self.pids);
        let stats = self.pids.iter().copied().chain([tree::this()]).filter_map(ProcStat::of);
        let reaped = stats.map(|stat| stat.reaped).fold(0, u64::saturating_add);
        let reaped = CLOCK_TICK.saturating_mul(u32::try_from(reaped).unwrap_or(u32::MAX));
        let before = std::mem::replace(&mut self.total, self.own.saturating_add(reaped));
        self.total.saturating_sub(before)
    }
}

/// Processor time that these processes have used themselves.
fn own(pids: &[i32]) -> Duration {
    pids.iter().filter_map(|pid| sys::processor_time(*pid)).fold(Duration::ZERO, Duration::saturating_add)
}
