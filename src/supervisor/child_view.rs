//! State of a child, as the rest of Ostler sees it: [`ChildView`], [`Availability`], [`SupervisorEvent`].

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use crate::{
    model::{ExitReport, HealthStatus, Listing, RuntimeStatus, ServerId, Status, Timestamp},
    policy::mask::Mask,
    supervisor::{exit::Exit, launch::Launch, server_instance::ServerInstance},
};

/// Readiness of a child to take calls.
#[derive(Clone)]
pub enum Availability {
    /// It takes calls.
    Ready(Arc<ServerInstance>),
    /// It will, if all goes well.
    Coming,
    /// It takes none, for this reason.
    Down(String),
}

/// A child's state at one moment.
#[derive(Clone)]
pub struct ChildView {
    /// Readiness to take calls.
    pub availability: Availability,
    /// In one word, for people.
    pub status: Status,
    /// In the seed's words.
    pub health: HealthStatus,
    /// Since when it has been ready.
    pub ready_since: Option<Instant>,
    /// When it is tried again, if it is.
    pub next_attempt_at: Option<Timestamp>,
    /// Time of its last health check.
    pub checked_at: Option<Timestamp>,
    /// Restarts after failures.
    pub restarts: u32,
    /// Report on the exit of its last process.
    pub last_exit: Option<ExitReport>,
}

impl ChildView {
    /// A child that never ran.
    pub(super) fn unknown() -> Self {
        Self {
            availability: Availability::Down("it was never started".into()),
            status: Status::Stopped,
            health: HealthStatus::Unknown,
            ready_since: None,
            next_attempt_at: None,
            checked_at: None,
            restarts: 0,
            last_exit: None,
        }
    }

    /// Runtime status with live figures, as sent to clients.
    #[must_use]
    pub fn runtime_status(&self) -> RuntimeStatus {
        let instance = match &self.availability {
            Availability::Ready(instance) => Some(instance),
            Availability::Coming | Availability::Down(_) => None,
        };
        let count = |read: fn(&ServerInstance) -> u64| instance.map_or(0, |instance| read(instance));
        RuntimeStatus {
            status: self.status,
            pid: instance.map(|instance| instance.figures.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0),
            uptime: self.ready_since.map(|since| since.elapsed().as_millis().try_into().unwrap_or(u64::MAX)),
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
            next_attempt_at: self.next_attempt_at,
            protocol_version: instance.and_then(|instance| instance.version()),
            fault: instance.and_then(|instance| instance.fault()),
            refusal: instance.and_then(|instance| instance.refusal()),
            tools: instance.map(|instance| instance.tools().len().try_into().unwrap_or(u32::MAX)),
            in_flight: instance.map_or(0, |instance| instance.figures.in_flight.load(Ordering::Relaxed)),
            stray_lines: count(|instance| instance.figures.stray_lines.load(Ordering::Relaxed)),
            stray_answers: count(|instance| instance.figures.stray_answers.load(Ordering::Relaxed)),
            held_ms: count(|instance| instance.figures.held_ms.load(Ordering::Relaxed)),
        }
    }
}

/// The occasion of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// A caller, a change or the start of Ostler wants it up.
    Wanted,
    /// The last process ended by itself.
    Again,
}

/// Permission to start a process, with what it gets.
#[derive(Clone, Debug)]
pub struct StartPermit {
    /// Its launch, with secrets in place.
    pub launch: Arc<Launch>,
    /// The mask that hides them.
    pub mask: Mask,
}

/// A change worth recording.
#[derive(Clone, Debug)]
pub enum SupervisorEvent {
    /// The supervisor itself ended in a panic; its processes are ending.
    SupervisorLost,
    /// A child's health is now this.
    Health {
        /// Id of the child.
        id: ServerId,
        /// Its health.
        status: HealthStatus,
    },
    /// The status of a child's process changed; its health did not.
    Status {
        /// Id of the child.
        id: ServerId,
    },
    /// The lists of a child changed.
    Listed {
        /// Id of the child.
        id: ServerId,
        /// Everything it lists now; its link has the same.
        listing: Arc<Listing>,
    },
    /// A process of some child takes no calls any more.
    SessionEnded {
        /// The revision it spoke.
        version: String,
        /// True when the server is remote.
        is_remote: bool,
        /// Time for which it took calls.
        lasted: Duration,
    },
    /// A program is about to be run, or a server that refers to secrets outside to be connected to.
    Spawning {
        /// Id of the child.
        id: ServerId,
        /// The program, its arguments and its environment.
        launch: Arc<Launch>,
        /// The kind of start.
        start: StartKind,
        /// Takes one message: once it is on record and has its secrets, or why it cannot have them. Dropped without, it
        /// is not started.
        permit: mpsc::Sender<Result<StartPermit, Exit>>,
    },
    /// A process ended without being stopped.
    Failed {
        /// Id of the child.
        id: ServerId,
        /// Reason and last output.
        report: ExitReport,
        /// True when it failed the last time, and the times before, in this way too.
        repeated: bool,
    },
    /// A child will be started again after a failure.
    Restarting {
        /// Id of the child.
        id: ServerId,
        /// Number of failures in a row, this one included.
        attempt: u32,
        /// As of [`SupervisorEvent::Failed`].
        repeated: bool,
    },
    /// A child is left down: for good, or until a probe finds it well.
    GaveUp {
        /// Id of the child.
        id: ServerId,
        /// Reason for leaving it down.
        reason: String,
        /// As of [`SupervisorEvent::Failed`].
        repeated: bool,
    },
    /// A child that had failed too often has been well for long enough.
    Recovered {
        /// Id of the child.
        id: ServerId,
    },
    /// Nothing changed; dropped, it says that every event before it was dealt with.
    Flush(mpsc::Sender<Infallible>),
}

impl SupervisorEvent {
    /// The child that it is about; `None` where it is about none.
    #[must_use]
    pub fn child(&self) -> Option<ServerId> {
        match self {
            Self::SupervisorLost | Self::SessionEnded { .. } | Self::Flush(_) => None,
            Self::Health { id, .. }
            | Self::Status { id }
            | Self::Listed { id, .. }
            | Self::Spawning { id, .. }
            | Self::Failed { id, .. }
            | Self::Restarting { id, .. }
            | Self::GaveUp { id, .. }
            | Self::Recovered { id } => Some(*id),
        }
    }
}
