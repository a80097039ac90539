//! [`Child`]: state of one server at the supervisor, and the state wanted of it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{Addr, SpawnHandle};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    error::Result,
    model::{ExitReport, HealthStatus, Protocol, ServerId, Status, TimelineLevel, Timestamp},
    policy::restart::{self, Decision, FailureClass},
    supervisor::{
        child_view::{Availability, ChildView, StartKind, SupervisorEvent},
        exit::{Exit, ExitPhase},
        handshake::Probe,
        launch::{Launch, Sharing},
        link::Link,
        messages::{NotUp, StopInstance, Wanted},
        server::ServerActor,
        server_instance::ServerInstance,
    },
};

/// Failures in a row that are each reported, as a server is tried for ever: later ones only where the reason is new.
const FAILURES_REPORTED_MAX: u32 = 5;

/// Life of a process that ended at once: one that could not do its work, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Sessions in a row that are opened again at once after they were lost.
const SESSIONS_REOPENED_MAX: u32 = 5;

/// One server under supervision.
pub(super) struct Child {
    pub id: ServerId,
    pub launch: Arc<Launch>,
    pub wanted: Wanted,
    /// The process that takes calls.
    pub serving: Option<Serving>,
    /// The process in its handshake; beside a serving one while that is being replaced.
    pub starting: Option<Starting>,
    /// Generations that are ending.
    pub ending: Vec<u64>,
    pub idle: Idle,
    pub failures: u32,
    /// Attempts in a row at which it was not reachable.
    pub unreached: u32,
    /// Sessions in a row that were lost.
    pub lost_sessions: u32,
    pub restarts: u32,
    pub probe: Probe,
    pub last_exit: Option<ExitReport>,
    /// Reason of its failures, once it has failed so often that the same again is not reported.
    pub failing: Option<String>,
    pub healthy: bool,
    pub checked_at: Option<Timestamp>,
    pub ever_started: bool,
    /// True when a process of it was ready: of this program or target, or in an earlier run of Ostler.
    pub was_ready: bool,
    pub removed: bool,
    pub link: Link,
    up_waiters: Vec<oneshot::Sender<Result<ChildView, NotUp>>>,
    down_waiters: Vec<oneshot::Sender<()>>,
}

/// A process that takes calls.
pub(super) struct Serving {
    pub instance: Arc<ServerInstance>,
    pub addr: Addr<ServerActor>,
    pub launch: Arc<Launch>,
    pub output_start: u64,
    pub since: Instant,
    /// It was lost: no calls any more, but its tree may not be gone.
    pub lost: bool,
    pub events: mpsc::UnboundedSender<SupervisorEvent>,
}

impl Drop for Serving {
    /// However it ends, or whatever takes its place, the session with it is over.
    fn drop(&mut self) {
        let version = self.instance.version().unwrap_or_default();
        let (is_remote, lasted) = (self.launch.remote.is_some(), self.since.elapsed());
        // There is no receiver any more once the runtime is ending.
        let _ = self.events.send(SupervisorEvent::SessionEnded { version, is_remote, lasted });
    }
}

/// A process in its handshake.
pub(super) struct Starting {
    pub instance: Arc<ServerInstance>,
    pub addr: Addr<ServerActor>,
    pub launch: Arc<Launch>,
    /// Number of the last line of standard error when it was spawned.
    pub output_start: u64,
    pub since: Instant,
}

/// Reason why a child without a process waits.
#[derive(Debug)]
pub(super) enum Idle {
    /// A place in the start queue, or nothing at all.
    None,
    /// The end of its backoff.
    Backoff { timer: SpawnHandle, until: Timestamp },
    /// The next probe, after too many failures.
    Parked { timer: SpawnHandle, until: Timestamp, reason: String },
    /// A command: another attempt could only fail the same way, or none is allowed.
    Failed { reason: String, status: Status },
}

impl Child {
    pub(super) fn new(id: ServerId, launch: Arc<Launch>, link: Link, wanted: Wanted) -> Self {
        Self {
            id,
            launch,
            wanted,
            serving: None,
            starting: None,
            ending: Vec::new(),
            idle: Idle::None,
            failures: 0,
            unreached: 0,
            lost_sessions: 0,
            restarts: 0,
            probe: Probe::default(),
            last_exit: None,
            failing: None,
            healthy: true,
            checked_at: None,
            ever_started: false,
            was_ready: link.listing().is_some(),
            removed: false,
            link,
            up_waiters: Vec::new(),
            down_waiters: Vec::new(),
        }
    }

    pub(super) fn has_process(&self) -> bool {
        self.serving.is_some() || self.starting.is_some() || !self.ending.is_empty()
    }

    /// True when a process should be started as soon as the queue allows.
    pub(super) fn is_due(&self) -> bool {
        let replaced = self.serving.as_ref().is_none_or(|serving| !serving.lost && serving.launch != self.launch);
        let idle = self.starting.is_none() && self.ending.is_empty() && matches!(self.idle, Idle::None);
        self.wanted == Wanted::Up && replaced && idle
    }

    /// True when it is up and runs as its present launch says.
    pub(super) fn is_up(&self) -> bool {
        let current = |serving: &Serving| !serving.lost && serving.launch == self.launch;
        self.wanted == Wanted::Up && self.serving.as_ref().is_some_and(current)
    }

    /// Ends every process of it; calls in flight fail.
    pub(super) fn stop_processes(&mut self) {
        self.stop_starting();
        if let Some(serving) = self.serving.take() {
            serving.addr.do_send(StopInstance { drain: Duration::ZERO });
            self.ending.push(serving.instance.generation);
        }
    }

    /// Ends a process in its handshake.
    pub(super) fn stop_starting(&mut self) {
        if let Some(starting) = self.starting.take() {
            starting.addr.do_send(StopInstance { drain: Duration::ZERO });
            self.ending.push(starting.instance.generation);
        }
    }

    /// The occasion of its next start.
    pub(super) fn next_start(&self) -> StartKind {
        if self.failures > 0 { StartKind::Again } else { StartKind::Wanted }
    }

    /// Cancels its wait; returns the timer to cancel, if there is one.
    pub(super) fn cancel_wait(&mut self) -> Option<SpawnHandle> {
        match std::mem::replace(&mut self.idle, Idle::None) {
            Idle::Backoff { timer, .. } | Idle::Parked { timer, .. } => Some(timer),
            Idle::None | Idle::Failed { .. } => None,
        }
    }

    /// Counts a failure; returns how many of its kind there were in a row.
    pub(super) fn count_failure(&mut self, class: FailureClass) -> u32 {
        let count = match class {
            FailureClass::Unreachable => &mut self.unreached,
            FailureClass::Passing | FailureClass::Absent | FailureClass::Permanent => {
                self.unreached = 0;
                &mut self.failures
            }
        };
        *count = count.saturating_add(1);
        *count
    }

    /// Records the `attempt`-th failure in a row; true when it fails as before, and so often that it is not reported
    /// again.
    pub(super) fn record_failure(&mut self, attempt: u32, decision: Decision, reason: &str) -> bool {
        let often = match decision {
            Decision::Retry(_) => attempt > FAILURES_REPORTED_MAX,
            Decision::Park(_) => true,
            Decision::Fail => false,
        };
        let failing = often.then(|| reason.to_owned());
        let repeats = failing.is_some() && failing == self.failing;
        self.failing = failing;
        repeats
    }

    /// True when it is left down because it was not reachable: one attempt may find it.
    pub(super) fn is_unreached(&self) -> bool {
        self.unreached > 0 && matches!(self.idle, Idle::Parked { .. })
    }

    /// Counts a lost session; true when another may be opened at once, as replicas without a common memory and
    /// restarts lose theirs.
    pub(super) fn may_reopen_session(&mut self) -> bool {
        self.lost_sessions = self.lost_sessions.saturating_add(1);
        self.lost_sessions <= SESSIONS_REOPENED_MAX
    }

    /// Wanted up from a clean slate: by hand, not by a restart.
    pub(super) fn reset_failures(&mut self) {
        (self.failures, self.unreached, self.lost_sessions) = (0, 0, 0);
        self.failing = None;
        self.restarts = 0;
        self.probe = Probe::default();
    }

    /// The way to greet its next process: as the last one that became ready, if that is known.
    pub(super) fn next_probe(&self) -> Probe {
        let skips = self.link.skips_discovery.load(Ordering::Relaxed);
        if skips && self.probe == Probe::Discover { Probe::Skip } else { self.probe }
    }

    /// Learns from the end of a process in its handshake; true where that is no failure yet: the first time, the
    /// question for the era may have been the reason, and without it the server may come up.
    pub(super) fn learn_from_start(&mut self, exit: &Exit) -> bool {
        self.link.skips_discovery.store(false, Ordering::Relaxed);
        let probe = self.probe;
        if matches!(exit, Exit::Ended { phase: ExitPhase::BeforeMessage, .. }) {
            self.probe = probe.after_silent_end();
        }
        self.launch.protocol == Protocol::Auto && (probe, self.probe) == (Probe::Discover, Probe::Skip)
    }

    /// The class of a failure; one that can only come again is final: the process ended before its first message, as
    /// soon as it could and with the same words as the one before, and none was ever ready.
    pub(super) fn class_of(&self, exit: &Exit, report: &ExitReport, lasted: Duration) -> FailureClass {
        let is_before_message = matches!(exit, Exit::Ended { phase: ExitPhase::BeforeMessage, .. });
        let is_fresh = is_before_message && lasted < AT_ONCE && !self.was_ready && self.failures > 0;
        let repeats = self.last_exit.as_ref().is_some_and(|before| restart::repeats(before, report));
        if is_fresh && repeats { FailureClass::Permanent } else { exit.failure(self.was_ready) }
    }

    pub(super) fn wait_up(&mut self) -> oneshot::Receiver<Result<ChildView, NotUp>> {
        let (sender, receiver) = oneshot::channel();
        self.up_waiters.push(sender);
        receiver
    }

    pub(super) fn wait_down(&mut self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.down_waiters.push(sender);
        receiver
    }

    pub(super) fn notify_up_waiters(&mut self, outcome: &Result<ChildView, NotUp>) {
        for waiter in self.up_waiters.drain(..) {
            let _ = waiter.send(outcome.clone());
        }
    }

    pub(super) fn notify_down_waiters(&mut self) {
        for waiter in self.down_waiters.drain(..) {
            let _ = waiter.send(());
        }
    }

    /// Publishes its state; returns the event of a change, if there is one.
    pub(super) fn publish(&self) -> Option<SupervisorEvent> {
        let (id, view) = (self.id, self.view());
        let (status, health) = (view.status, view.health);
        let before = self.link.publisher.send_replace(view);
        self.note_transition(&before, status, health);
        if before.health != health {
            return Some(SupervisorEvent::Health { id, status: health });
        }
        (before.status != status).then_some(SupervisorEvent::Status { id })
    }

    /// Adds a note to the timeline of the server that this is a process of.
    pub(super) fn add_note(&self, level: TimelineLevel, text: &str) {
        match self.launch.sharing {
            Sharing::Shared | Sharing::Listing { .. } => self.link.add_note(level, text),
            Sharing::Exclusive { .. } => self.link.add_note(level, &format!("{text} (a process of one caller alone)")),
        }
    }

    /// Adds a note of a change of state; failures have their own, and a process of one caller alone comes and goes.
    fn note_transition(&self, before: &ChildView, status: Status, health: HealthStatus) {
        let is_alone = matches!(self.launch.sharing, Sharing::Exclusive { .. });
        if is_alone || (before.status, before.health) == (status, health) {
            return;
        }
        let (level, text) = match (status, health) {
            (Status::Running, HealthStatus::Unhealthy) => {
                (TimelineLevel::Warn, "did not answer when it was asked how it is")
            }
            (Status::Running, _) if before.status == Status::Running => (TimelineLevel::Info, "answers again"),
            (Status::Running, _) => (TimelineLevel::Info, "ready"),
            // Its process was lost; the exit report follows.
            (Status::Starting, _) if before.status == Status::Running => return,
            (Status::Starting, _) => (TimelineLevel::Info, "starting"),
            (Status::Stopping, _) => (TimelineLevel::Info, "stopping"),
            (Status::Stopped, _) => (TimelineLevel::Info, "stopped"),
            (Status::Restarting | Status::Failed | Status::Unauthorized, _) => return,
        };
        self.add_note(level, text);
    }

    pub(super) fn view(&self) -> ChildView {
        let (availability, status, health) = self.state();
        let next_attempt_at = match &self.idle {
            Idle::Backoff { until, .. } | Idle::Parked { until, .. } => Some(*until),
            Idle::None | Idle::Failed { .. } => None,
        };
        ChildView {
            ready_since: self.serving.as_ref().filter(|serving| !serving.lost).map(|serving| serving.since),
            availability,
            status,
            health,
            next_attempt_at,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
            checked_at: self.checked_at,
        }
    }

    fn state(&self) -> (Availability, Status, HealthStatus) {
        use Availability::{Coming, Down, Ready};
        if let (Some(serving), Wanted::Up) = (self.serving.as_ref().filter(|serving| !serving.lost), self.wanted) {
            let health = if self.healthy { HealthStatus::Healthy } else { HealthStatus::Unhealthy };
            return (Ready(serving.instance.clone()), Status::Running, health);
        }
        match (self.wanted, &self.idle) {
            (Wanted::Down, _) if self.has_process() => {
                (Down("it is being stopped".into()), Status::Stopping, HealthStatus::Stopped)
            }
            (Wanted::Down, _) if !self.ever_started => {
                (Down("it was never started".into()), Status::Stopped, HealthStatus::Unknown)
            }
            (Wanted::Down, _) => (Down("it is stopped".into()), Status::Stopped, HealthStatus::Stopped),
            (Wanted::Up, Idle::Parked { reason, .. }) if self.starting.is_none() => {
                (Down(reason.clone()), Status::Failed, HealthStatus::Error)
            }
            (Wanted::Up, Idle::Failed { reason, status }) if self.starting.is_none() => {
                (Down(reason.clone()), *status, HealthStatus::Error)
            }
            (Wanted::Up, Idle::None | Idle::Parked { .. } | Idle::Failed { .. })
                if self.failures == 0 && self.unreached == 0 =>
            {
                (Coming, Status::Starting, HealthStatus::Starting)
            }
            (Wanted::Up, _) => (Coming, Status::Restarting, HealthStatus::Starting),
        }
    }
}
