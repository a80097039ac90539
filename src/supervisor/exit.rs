//! Exit reasons of a server's process, and the chances of starting it again.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    model::{Exceeded, ExitReport, Timestamp},
    policy::restart::FailureClass,
    supervisor::remote::ADVICE,
};

/// Why a process ended, or never came up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operating system would not start it.
    NotStarted {
        /// The error number, where there is one.
        errno: Option<i32>,
        /// In words.
        reason: String,
    },
    /// It could not be contained as its configuration wants, so it was not started.
    Uncontained(String),
    /// A secret that its configuration refers to is missing.
    MissingSecret(String),
    /// A secret outside of Ostler that its configuration refers to could not be had.
    SecretUnavailable(String),
    /// It came up but could not be spoken to.
    NotReady(String),
    /// It speaks no revision that we speak.
    WrongRevision(String),
    /// It ended by itself, or something outside Ostler ended it.
    Ended {
        /// Exit code.
        code: Option<i32>,
        /// Signal number.
        signal: Option<i32>,
        /// Progress of the process by then.
        phase: ExitPhase,
    },
    /// It used more than a limit allows, so its guard ended it.
    Exceeded(Exceeded),
    /// It refused a request because of the era of the protocol; the next process is greeted in the other.
    WrongEra(String),
    /// It wants a token that a user consents to, or a better one.
    Unauthorized,
    /// No connection to it came about.
    Unreachable(String),
    /// The connection to it ended.
    Disconnected(String),
    /// It knows its session no more.
    SessionLost,
    /// It closed its standard output and could never answer again.
    ClosedOutput,
    /// It answered none of three pings.
    Unresponsive,
    /// It was stopped.
    Stopped,
    /// Its actor or its guard was lost, by a defect or an act from outside; what became of it.
    Lost(String),
}

/// Progress of a process before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitPhase {
    /// It never sent a message; some older servers end when asked `server/discover`.
    BeforeMessage,
    /// It sent a message, and was not ready.
    BeforeReady,
    /// It was ready.
    Ready,
}

impl ExitPhase {
    fn suffix(self) -> &'static str {
        match self {
            Self::BeforeMessage | Self::BeforeReady => " before it was ready",
            Self::Ready => "",
        }
    }
}

impl Exit {
    /// The class of failure that it is, for the decision on a restart. A program that ran before, as `was_ready` says,
    /// may be away for the moment of an upgrade; one that is being written is about to be there.
    pub fn failure(&self, was_ready: bool) -> FailureClass {
        use rustix::io::Errno;
        match self {
            Self::NotStarted { errno, .. } => {
                let is_one = |kinds: &[Errno]| kinds.iter().any(|kind| Some(kind.raw_os_error()) == *errno);
                let is_lasting =
                    is_one(&[Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::NOTDIR, Errno::ISDIR, Errno::TOOBIG]);
                match (is_lasting, was_ready) {
                    (true, false) => FailureClass::Permanent,
                    (true, true) => FailureClass::Absent,
                    (false, _) if is_one(&[Errno::TXTBSY]) => FailureClass::Absent,
                    (false, _) => FailureClass::Passing,
                }
            }
            Self::Uncontained(_) | Self::MissingSecret(_) | Self::WrongRevision(_) | Self::Unauthorized => {
                FailureClass::Permanent
            }
            Self::Unreachable(_) => FailureClass::Unreachable,
            Self::NotReady(_)
            | Self::SecretUnavailable(_)
            | Self::WrongEra(_)
            | Self::Ended { .. }
            | Self::Exceeded(_)
            | Self::Disconnected(_)
            | Self::SessionLost
            | Self::ClosedOutput
            | Self::Unresponsive
            | Self::Stopped
            | Self::Lost(_) => FailureClass::Passing,
        }
    }

    /// For people: one sentence, and what it wrote.
    pub fn report(&self, stderr: Vec<String>) -> ExitReport {
        let (code, signal) = if let Self::Ended { code, signal, .. } = self { (*code, *signal) } else { (None, None) };
        let exceeded = if let Self::Exceeded(exceeded) = self { Some(*exceeded) } else { None };
        ExitReport { reason: self.to_string(), code, signal, exceeded, at: Timestamp::now(), stderr, refusal: None }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStarted { reason, .. } => write!(f, "could not be started: {reason}"),
            Self::Uncontained(reason) => write!(f, "was not started, isolation_unavailable: {reason}"),
            Self::MissingSecret(reason) | Self::SecretUnavailable(reason) => {
                write!(f, "could not be started: {reason}")
            }
            Self::NotReady(reason) => write!(f, "did not become ready: {reason}"),
            Self::WrongRevision(version) => {
                write!(f, "speaks MCP revision {version}, which Ostler does not know")
            }
            Self::WrongEra(error) => write!(f, "refused a request in the revision that it offered: {error}"),
            Self::Ended { code: Some(code), phase: reached, .. } => {
                write!(f, "exited with code {code}{}", reached.suffix())
            }
            Self::Ended { signal: Some(signal), phase: reached, .. } => {
                write!(f, "was ended by signal {signal}{}", reached.suffix())
            }
            Self::Ended { phase: reached, .. } => write!(f, "ended{}", reached.suffix()),
            Self::Exceeded(exceeded) => exceeded.fmt(f),
            Self::Unauthorized => write!(f, "wants authorization: {ADVICE}"),
            Self::Unreachable(why) => write!(f, "could not be reached: {why}"),
            Self::Disconnected(why) => write!(f, "was disconnected: {why}"),
            Self::SessionLost => f.write_str("ended its session again and again"),
            Self::ClosedOutput => f.write_str("closed its standard output"),
            Self::Unresponsive => f.write_str("answered none of three pings"),
            Self::Stopped => f.write_str("stopped"),
            Self::Lost(cause) => write!(f, "was lost: {cause}"),
        }
    }
}

/// Slot in which an actor leaves the reason for an end that another part reports.
#[derive(Clone, Default)]
pub(super) struct ExitSlot(Arc<Mutex<Option<Exit>>>);

impl ExitSlot {
    /// Notes a reason, unless there is one already.
    pub(super) fn record(&self, exit: Exit) {
        self.0.lock().get_or_insert(exit);
    }

    pub(super) fn take(&self) -> Option<Exit> {
        self.0.lock().take()
    }
}
