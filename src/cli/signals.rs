//! [`StopSignals`]: signals that ask to stop, and signals that are noted and nothing more.

use std::{fs, io};

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask to stop. Others that would end a program are taken as well, logged and ignored: recipes for
/// the rotation of logs send them, and no log file is open here.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// `None` where a parent such as nohup has it ignored.
    hang_up: Option<Signal>,
    user_defined1: Signal,
    user_defined2: Signal,
    alarm: Signal,
}

impl StopSignals {
    /// Takes them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        // Before a handler replaces what was inherited.
        let hang_up = if is_ignored(Number::HUP) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up,
            user_defined1: signal(SignalKind::user_defined1())?,
            user_defined2: signal(SignalKind::user_defined2())?,
            alarm: signal(SignalKind::alarm())?,
        })
    }

    /// Waits for the next request to stop and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        loop {
            let ignored = tokio::select! {
                // SIGTERM first, where SIGHUP comes with it.
                biased;
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.quit.recv() => return "SIGQUIT",
                _ = heard(&mut self.hang_up) => return "SIGHUP",
                _ = self.user_defined1.recv() => "SIGUSR1",
                _ = self.user_defined2.recv() => "SIGUSR2",
                _ = self.alarm.recv() => "SIGALRM",
            };
            log::info!(signal = ignored; "a signal without a meaning here was ignored");
        }
    }

    /// As [`StopSignals::next`], for one who was asked to stop already. SIGHUP counts no more: a terminal that closes
    /// sends it several times, and service managers may send it right after SIGTERM.
    pub(crate) async fn next_but_hang_up(&mut self) -> &'static str {
        loop {
            match self.next().await {
                "SIGHUP" => {}
                name => return name,
            }
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// True when the parent of this process had it ignore `number`.
fn is_ignored(number: Number) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, number))
}

/// Looks a signal up in the mask `SigIgn` of a process's status, whose lowest bit is signal 1.
fn ignores(status: &str, number: Number) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let bit = u32::try_from(number.as_raw().saturating_sub(1)).ok().and_then(|place| 1_u64.checked_shl(place));
    bit.is_some_and(|bit| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
        assert!(ignores(status, Number::HUP) && ignores(status, Number::PIPE));
        assert!(!ignores(status, Number::INT) && !ignores(status, Number::TERM) && !ignores("", Number::HUP));
    }
}
