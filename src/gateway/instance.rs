//! [`Instance`] of a service: its address, its health, and its requests in flight.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    gateway::{check::CheckView, clock::millis, counters::Counters},
    policy::{
        balance,
        breaker::{AttemptOutcome, Breaker, Permit, Phase},
        health::{Checks, HealthVerdict, Thresholds},
    },
};

/// Time in which the share of an instance that came back grows to its full size.
pub(super) const WARM_UP_TIME: Duration = Duration::from_secs(20);

/// Checks that are kept for the API.
const CHECKS_KEPT_MAX: usize = 20;

/// Tells instances apart, also one that was removed from one that was registered later at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct InstanceId(u64);

impl InstanceId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// An instance of one service. It outlives a replacement of the service that names its place again.
#[derive(Debug)]
pub(crate) struct Instance {
    id: InstanceId,
    host: String,
    port: u16,
    pub(super) in_flight: AtomicU32,
    pub(super) counters: Counters,
    /// State behind the locks below, for readers that must not wait: not unhealthy, …
    up: AtomicBool,
    /// … the breaker closed, …
    closed: AtomicBool,
    /// … and the last check good, one since it opened.
    well: AtomicBool,
    /// Set while it gets no new request and is not checked; here, so that holders of an earlier registration see it.
    draining: AtomicBool,
    /// Set once requests speak against it and the actor heard of it, until the next check.
    suspected: AtomicBool,
    /// When it came back, in milliseconds and one more; 0 where it never was away.
    back_at: AtomicU64,
    /// When the next check is due, in milliseconds.
    next_check: AtomicU64,
    breaker: Mutex<Breaker>,
    checks: Mutex<(Checks, VecDeque<CheckView>)>,
}

impl Instance {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self {
            id: InstanceId::new(),
            host: host.to_owned(),
            port,
            in_flight: AtomicU32::new(0),
            counters: Counters::default(),
            up: AtomicBool::new(true),
            closed: AtomicBool::new(true),
            well: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            suspected: AtomicBool::new(false),
            back_at: AtomicU64::new(0),
            next_check: AtomicU64::new(0),
            breaker: Mutex::default(),
            checks: Mutex::default(),
        }
    }

    /// Tells it from every other one.
    #[must_use]
    pub(crate) fn id(&self) -> InstanceId {
        self.id
    }

    /// A name or an IP address; an IPv6 one without brackets.
    #[must_use]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Requests in flight.
    #[must_use]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Relaxed)
    }

    pub(super) fn is_ejected(&self) -> bool {
        !self.closed.load(Relaxed)
    }

    /// True where its last check was good, and it was not ejected after that.
    pub(super) fn is_well(&self) -> bool {
        self.well.load(Relaxed)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Drains it, or takes it back: with a share that grows, and without what was known of it.
    pub(super) fn drain(&self, draining: bool, now: Duration) {
        if self.draining.swap(draining, Relaxed) && !draining {
            self.checks.lock().0 = Checks::default();
            self.came_back(now);
        }
    }

    /// True where it would get a request as one of many or on trial, if it had room for one.
    pub(super) fn is_available(&self, now: Duration) -> bool {
        !self.is_draining() && self.is_up() && (!self.is_ejected() || (self.is_well() && self.breaker().admits(now)))
    }

    /// The share of requests that an instance of `weight` gets at `now`; 0 where none.
    pub(super) fn share(&self, weight: u32, now: Duration) -> u32 {
        if !self.is_available(now) {
            return 0;
        }
        match self.back_at.load(Relaxed).checked_sub(1).filter(|_| !self.is_ejected()) {
            Some(back) => balance::share(weight, now.saturating_sub(Duration::from_millis(back)), WARM_UP_TIME),
            None => balance::full_share(weight),
        }
    }

    /// Time until it may get a request, as far as can be known.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        let check = Duration::from_millis(self.next_check.load(Relaxed)).saturating_sub(now);
        let breaker = if self.is_ejected() { self.breaker().wait(now) } else { Duration::ZERO };
        if self.is_up() && self.is_well() { breaker } else { breaker.max(check) }
    }

    /// Lets a request through, or not.
    pub(super) fn begin(&self, now: Duration) -> Option<Permit> {
        if self.is_ejected() { self.breaker().begin(now) } else { Some(Permit::Regular) }
    }

    /// A request on trial is over.
    pub(super) fn end(&self, permit: Permit) {
        if permit != Permit::Regular {
            self.breaker().end(permit);
        }
    }

    /// Records the outcome of a request; true where that speaks for an ejection, which is then the caller's to decide.
    pub(super) fn record(&self, permit: Permit, outcome: AttemptOutcome, now: Duration) -> bool {
        let mut breaker = self.breaker();
        let before = breaker.phase(now);
        let suspect = breaker.record(permit, outcome, now);
        if before != Phase::Closed && breaker.phase(now) == Phase::Closed {
            self.closed.store(true, Relaxed);
            self.came_back(now);
        }
        suspect
    }

    /// Ejects it; returns for how long.
    pub(super) fn eject(&self, now: Duration) -> Duration {
        let mut breaker = self.breaker();
        self.well.store(false, Relaxed);
        self.closed.store(false, Relaxed);
        breaker.open(now)
    }

    /// Notes that requests speak against it; true for the first to do so since the last check.
    pub(super) fn suspect(&self) -> bool {
        !self.suspected.swap(true, Relaxed)
    }

    /// Takes a check in; the new verdict where it turned.
    pub(super) fn checked(&self, check: CheckView, thresholds: Thresholds, now: Duration) -> Option<HealthVerdict> {
        let good = check.healthy;
        let mut checks = self.checks.lock();
        let (state, history) = &mut *checks;
        history.truncate(CHECKS_KEPT_MAX - 1);
        history.push_front(check);
        let before = state.verdict();
        let turned = state.record(good, thresholds);
        self.suspected.store(false, Relaxed);
        self.well.store(good, Relaxed);
        if turned && before == HealthVerdict::Unhealthy {
            self.came_back(now);
        }
        self.up.store(state.verdict() != HealthVerdict::Unhealthy, Relaxed);
        turned.then(|| state.verdict())
    }

    /// True where it is known to be healthy: then it is checked at the interval of its service.
    pub(super) fn is_settled(&self) -> bool {
        let checks = self.checks.lock();
        !self.is_ejected() && checks.0.is_settled() && checks.0.verdict() == HealthVerdict::Healthy
    }

    /// A check could not be made, so that it says nothing.
    pub(super) fn not_checked(&self) {
        self.suspected.store(false, Relaxed);
    }

    pub(super) fn check_due(&self, at: Duration) {
        self.next_check.store(millis(at), Relaxed);
    }

    /// Result of its checks, and the last of them, newest first.
    pub(super) fn verdict(&self) -> (HealthVerdict, Vec<CheckView>) {
        let checks = self.checks.lock();
        (checks.0.verdict(), checks.1.iter().cloned().collect())
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock()
    }

    fn came_back(&self, now: Duration) {
        self.back_at.store(millis(now).saturating_add(1), Relaxed);
    }
}
