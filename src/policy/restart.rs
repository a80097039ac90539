//! Restart decisions: when to restart a server, after which backoff, and when to give up.

use std::time::Duration;

use crate::model::ExitReport;

/// The restart policy of servers; the defaults are DESIGN's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// True when an unexpected exit is answered by a restart at all.
    pub auto_restart: bool,
    /// Failures in a row before the server is parked; 0 means never.
    pub max_retries: u32,
    /// First wait; doubles with each failure in a row.
    pub base: Duration,
    /// Longest wait.
    pub cap: Duration,
    /// A run that stays ready this long forgives all failures before it.
    pub forgive_after: Duration,
    /// Interval between attempts to start a parked server.
    pub probe_every: Duration,
    /// Longest wait for a remote server that is not reachable yet.
    pub unreachable_cap: Duration,
    /// Attempts in a row to reach one before that is a failure like any other.
    pub unreachable_retries: u32,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            auto_restart: true,
            max_retries: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
            forgive_after: Duration::from_secs(60),
            probe_every: Duration::from_secs(300),
            // Two minutes in all: whatever starts together with Ostler is up by then, and is met within seconds.
            unreachable_cap: Duration::from_secs(2),
            unreachable_retries: 60,
        }
    }
}

/// The decision on a server that ended without being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it again after this long.
    Retry(Duration),
    /// Leave it down and try again after this long.
    Park(Duration),
    /// Leave it down.
    Fail,
}

/// The class of a failure, by what another attempt may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Another attempt may succeed.
    Passing,
    /// The program is not there, or is being written, though it was there or is about to be.
    Absent,
    /// Nothing answers at its address, or not yet. That is no crash, and an attempt costs next to nothing.
    Unreachable,
    /// Another attempt can only fail the same way.
    Permanent,
}

impl RestartPolicy {
    /// The decision after the `failures`-th failure in a row; `chance` in `0.0..1.0` spreads servers that fail
    /// together.
    #[must_use]
    pub(crate) fn decide(&self, failures: u32, failure: FailureClass, chance: f64) -> Decision {
        if failure == FailureClass::Permanent || !self.auto_restart {
            return Decision::Fail;
        }
        let doublings = failures.saturating_sub(1).min(16);
        let wait = |cap: Duration| {
            let wait = self.base.saturating_mul(1 << doublings).min(cap);
            wait.mul_f64(0.5 + chance.clamp(0.0, 1.0))
        };
        match failure {
            FailureClass::Unreachable if failures <= self.unreachable_retries => {
                Decision::Retry(wait(self.unreachable_cap.min(self.cap)))
            }
            _ if self.max_retries == 0 || failures <= self.max_retries => Decision::Retry(wait(self.cap)),
            // It is back in moments, and a look for it costs next to nothing.
            FailureClass::Absent => Decision::Park(wait(self.cap)),
            FailureClass::Passing | FailureClass::Unreachable | FailureClass::Permanent => {
                Decision::Park(self.probe_every)
            }
        }
    }

    /// Failures in a row that still count after a run that was ready for `uptime`.
    #[must_use]
    pub(crate) fn remembered(&self, failures: u32, uptime: Duration) -> u32 {
        if uptime >= self.forgive_after { 0 } else { failures }
    }
}

/// Words of what may be over in a minute: networks, name servers, other programs, memory and disks. A machine that has
/// just booted starts its servers before it has a network.
const PASSING: [&str; 20] = [
    "enotfound",
    "eai_again",
    "econn",
    "etimedout",
    "unreach",
    "eaddrinuse",
    "address already in use",
    "address in use",
    "name resolution",
    "name or service not known",
    "network",
    "connect",
    "refused",
    "timed out",
    "timeout",
    "fetch failed",
    "no space left",
    "memory",
    "temporar",
    "unavailable",
];

/// True when two processes ended alike and with the same words, but for their digits (times, numbers of processes), and
/// nothing in them says that it may pass.
#[must_use]
pub fn repeats(before: &ExitReport, now: &ExitReport) -> bool {
    let words = |report: &ExitReport| {
        let lines = report.stderr.iter().map(|line| line.replace(|c: char| c.is_ascii_digit(), ""));
        lines.filter(|line| !line.trim().is_empty()).map(|line| line.to_lowercase()).collect::<Vec<_>>()
    };
    let (said, says) = (words(before), words(now));
    let may_pass = says.iter().any(|line| PASSING.iter().any(|word| line.contains(word)));
    (before.code, before.signal) == (now.code, now.signal) && !says.is_empty() && said == says && !may_pass
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_program_that_is_away_is_looked_for_in_short_intervals() {
        let policy = RestartPolicy::default();
        assert!(matches!(policy.decide(3, FailureClass::Absent, 0.5), Decision::Retry(_)));
        assert_eq!(policy.decide(4, FailureClass::Absent, 0.5), Decision::Park(Duration::from_secs(4)));
        assert_eq!(policy.decide(99, FailureClass::Absent, 0.5), Decision::Park(policy.cap));
    }

    #[test]
    fn words_repeat_whatever_their_digits_and_silence_never_does() {
        let report = |code: i32, lines: &[&str]| ExitReport {
            reason: "x".into(),
            code: Some(code),
            signal: None,
            exceeded: None,
            at: Timestamp::now(),
            stderr: lines.iter().map(ToString::to_string).collect(),
            refusal: None,
        };
        let first = report(1, &["12:00:01 KEY is not set", ""]);
        assert!(repeats(&first, &report(1, &["12:00:59 KEY is not set"])));
        assert!(!repeats(&first, &report(2, &["12:00:59 KEY is not set"])));
        assert!(!repeats(&first, &report(1, &["12:00:59 URL is not set"])));
        for passing in ["Error: getaddrinfo ENOTFOUND registry.example", "connection refused", "Network is unreachable"]
        {
            assert!(!repeats(&report(1, &["Error", passing]), &report(1, &["Error", passing])), "{passing}");
        }
        assert!(!repeats(&report(1, &[]), &report(1, &[])) && !repeats(&report(1, &["7"]), &report(1, &["7"])));
    }

    fn retry(failures: u32, chance: f64) -> Duration {
        match (RestartPolicy { max_retries: 0, ..RestartPolicy::default() }).decide(
            failures,
            FailureClass::Passing,
            chance,
        ) {
            Decision::Retry(wait) => wait,
            Decision::Park(_) | Decision::Fail => panic!("expected a retry"),
        }
    }

    #[test]
    fn waits_double_up_to_the_cap_and_are_spread() {
        let mean: Vec<_> = (1..=9).map(|failures| retry(failures, 0.5).as_millis()).collect();
        assert_eq!(mean, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        assert_eq!((retry(1, 0.0).as_millis(), retry(1, 1.0).as_millis()), (250, 750));
        assert_eq!(retry(u32::MAX, 0.5).as_millis(), 60000);
    }

    #[test]
    fn three_failed_restarts_park_it_and_a_hopeless_failure_is_final() {
        let policy = RestartPolicy::default();
        assert!(matches!(policy.decide(3, FailureClass::Passing, 0.5), Decision::Retry(_)));
        assert_eq!(policy.decide(4, FailureClass::Passing, 0.5), Decision::Park(policy.probe_every));
        assert_eq!(policy.decide(1, FailureClass::Permanent, 0.5), Decision::Fail);
        let manual = RestartPolicy { auto_restart: false, ..policy };
        assert_eq!(manual.decide(1, FailureClass::Passing, 0.5), Decision::Fail);
    }

    #[test]
    fn a_server_that_is_not_there_yet_is_tried_steadily_for_two_minutes() {
        let policy = RestartPolicy::default();
        let wait = |failures| policy.decide(failures, FailureClass::Unreachable, 0.5);
        let waits = [500, 1000, 2000, 2000].map(|wait| Decision::Retry(Duration::from_millis(wait)));
        assert_eq!([1, 2, 3, 60].map(wait), waits);
        assert_eq!(wait(61), Decision::Park(policy.probe_every));
    }

    #[test]
    fn only_a_run_that_stayed_ready_forgives() {
        let policy = RestartPolicy::default();
        assert_eq!(policy.remembered(3, Duration::from_secs(59)), 3);
        assert_eq!(policy.remembered(3, Duration::from_secs(60)), 0);
    }
}
