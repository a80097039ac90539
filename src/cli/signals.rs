//! [`StopSignals`]: signals that ask to stop, and signals that are noted and nothing more.

use std::{fs, future::poll_fn, io, task::Poll};

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask to stop. Others that would end a program are taken as well, logged and ignored: recipes for
/// the rotation of logs send them, and no log file is open here.
pub(crate) struct StopSignals {
    /// SIGTERM first, where SIGHUP comes with it.
    requests: Vec<(Signal, &'static str)>,
    ignored: Vec<(Signal, &'static str)>,
}

impl StopSignals {
    /// Takes them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        // Before a handler replaces what was inherited.
        let hang_up = (!is_ignored(Number::HUP)).then_some((Number::HUP, "SIGHUP"));
        // LXC asks a container to stop by SIGPWR.
        let requests =
            [(Number::TERM, "SIGTERM"), (Number::INT, "SIGINT"), (Number::QUIT, "SIGQUIT"), (Number::POWER, "SIGPWR")];
        let ignored = [
            (Number::USR1, "SIGUSR1"),
            (Number::USR2, "SIGUSR2"),
            (Number::ALARM, "SIGALRM"),
            (Number::VTALARM, "SIGVTALRM"),
            (Number::PROF, "SIGPROF"),
            (Number::IO, "SIGIO"),
        ];
        let heard = |(number, name): (Number, _)| Ok((signal(SignalKind::from_raw(number.as_raw()))?, name));
        // A write past the limit of a file's size (`ulimit -f`) then fails as on a full disk. The signal is not logged:
        // the log may be that file.
        heard((Number::XFSZ, "")).map(drop)?;
        Ok(Self {
            requests: requests.into_iter().chain(hang_up).map(heard).collect::<io::Result<_>>()?,
            ignored: ignored.into_iter().map(heard).collect::<io::Result<_>>()?,
        })
    }

    /// Waits for the next request to stop and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        poll_fn(|context| {
            let mut received = |signals: &mut Vec<(Signal, &'static str)>| {
                signals.iter_mut().find_map(|(signal, name)| signal.poll_recv(context).is_ready().then_some(*name))
            };
            while let Some(name) = received(&mut self.ignored) {
                log::info!(signal = name; "a signal without a meaning here was ignored");
            }
            received(&mut self.requests).map_or(Poll::Pending, Poll::Ready)
        })
        .await
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
