//! The state of a server: health in one word, and the finer state of its process.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Exceeded, Refusal, Timestamp};

/// Health in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum HealthStatus {
    /// Never started.
    Unknown,
    /// On its way up, for the first time or again.
    Starting,
    /// Ready and answering.
    Healthy,
    /// Running, but not answering as it should.
    Unhealthy,
    /// Down because it was stopped.
    Stopped,
    /// Down because it could not be kept up.
    Error,
}

impl HealthStatus {
    /// The word as stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Starting => "STARTING",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
            Self::Stopped => "STOPPED",
            Self::Error => "ERROR",
        }
    }

    /// The status a stored word means; [`HealthStatus::Unknown`] for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        [Self::Starting, Self::Healthy, Self::Unhealthy, Self::Stopped, Self::Error]
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or(Self::Unknown)
    }
}

/// The state of a server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// No process, and none wanted.
    Stopped,
    /// Queued, spawned or in its handshake.
    Starting,
    /// Ready for calls.
    Running,
    /// Waiting for the next attempt after a failure.
    Restarting,
    /// Ending.
    Stopping,
    /// Given up: parked until a probe or for good; see the last exit.
    Failed,
    /// Left down until a user consents to its use, at its authorization server.
    Unauthorized,
}

/// The OAuth authorization of a remote server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Authorization {
    /// True when it needs a user's consent: the first, or one to more scopes than were granted.
    #[serde(rename = "wanted")]
    pub is_wanted: bool,
    /// The scopes that it needs consent to, where it names them.
    pub wanted_scopes: Vec<String>,
    /// The authorization server that made its token, while there is one.
    pub issuer: Option<String>,
    /// The scopes that the token was requested with.
    pub scopes: Vec<String>,
    /// When the token ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// True when it is renewed at its expiry.
    #[serde(rename = "renewable")]
    pub is_renewable: bool,
}

/// The exit of a process, or the reason why none was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExitReport {
    /// One sentence for a person.
    pub reason: String,
    /// Exit code, where it exited by itself.
    pub code: Option<i32>,
    /// Signal number, where one ended it.
    pub signal: Option<i32>,
    /// The limit that Ostler ended it for; of memory, that is an `oom`.
    pub exceeded: Option<Exceeded>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Its first 5 and its last 15 lines on standard error, with `… N lines …` for those between. Among them, after
    /// `[stdout]`, are lines of standard output that are no messages.
    pub stderr: Vec<String>,
    /// The refusal of its sandbox that its output tells of.
    pub refusal: Option<Box<Refusal>>,
}

impl RuntimeStatus {
    /// Leaves out what the process wrote.
    pub fn hide_output(&mut self) {
        if let Some(exit) = &mut self.last_exit {
            exit.stderr.clear();
            exit.refusal = None;
        }
        self.refusal = None;
    }
}

/// The state of a server's process, for people and dashboards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuntimeStatus {
    /// In one word.
    pub status: Status,
    /// Process id of the server, while there is one.
    pub pid: Option<u32>,
    /// Milliseconds since it became ready.
    pub uptime: Option<u64>,
    /// Restarts after failures since it was last started by hand or with Ostler.
    pub restarts: u32,
    /// The exit of the last process.
    pub last_exit: Option<ExitReport>,
    /// The time when the next attempt is due, while restarting or parked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// The protocol revision agreed with the server.
    pub protocol_version: Option<String>,
    /// Fault of it though it runs: a list that it fails to give, which is read again by and by.
    pub fault: Option<String>,
    /// The refusal of its sandbox that the error of a tool tells of: the last one, for as long as the process runs.
    pub refusal: Option<Box<Refusal>>,
    /// Tools it lists.
    pub tools: Option<u32>,
    /// Calls it is working on.
    pub in_flight: u32,
    /// Lines on its standard output that were not JSON-RPC.
    pub stray_lines: u64,
    /// Answers that came for no call: late, doubled or unknown.
    pub stray_answers: u64,
    /// Milliseconds for which its processes were stopped, to hold them to `limits.cpuPercent`.
    pub held_ms: u64,
}
