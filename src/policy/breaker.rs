//! Circuit breakers, one per instance: they judge its health by the requests themselves.
//!
//! Closed: it gets requests, and failures are counted. Open: ejected, for longer each time. Half-open: after that time
//! it gets one request at a time on trial; three good ones close the breaker, a bad one opens it again. Time is the
//! span since a start of the caller's choice.

use std::time::Duration;

/// Failures in a row that eject.
pub const IN_A_ROW: u32 = 3;

/// Time span over which failures are counted for the rate.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// Answers in a window before its rate says anything.
const RATED_ANSWERS_MIN: u32 = 20;

/// The first ejection takes so long, the second twice that, and so on …
pub const FIRST_EJECTION: Duration = Duration::from_secs(5);

/// … but no longer than this.
const EJECTION_MAX: Duration = Duration::from_secs(300);

/// Closed for so long, earlier ejections are forgotten.
const EJECTIONS_RESET_AFTER: Duration = Duration::from_secs(60);

/// Trial requests in flight at once.
const TRIALS_IN_FLIGHT_MAX: u32 = 1;

/// Good trials that close the breaker.
const TRIALS_TO_CLOSE: u32 = 3;

/// The end of a request to an instance, as far as its health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It answered.
    Success,
    /// It answered that it failed (500): bad in large numbers only, since a request may be to blame.
    ServerError,
    /// It did not answer, or not sensibly, or said that it cannot (502, 503, 504).
    Unavailable,
}

/// The outcome that an answer's status stands for.
#[must_use]
pub fn outcome(status: u16) -> AttemptOutcome {
    match status {
        502..=504 => AttemptOutcome::Unavailable,
        500 => AttemptOutcome::ServerError,
        _ => AttemptOutcome::Success,
    }
}

/// Lets one request through. To be given back with the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// As one of many.
    Regular,
    /// On trial, since the ejection of this number.
    Trial(u32),
}

/// The breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Requests pass.
    Closed,
    /// None passes before then.
    Open(Duration),
    /// One at a time passes, on trial.
    HalfOpen,
}

/// The circuit breaker of one instance.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    /// Bad outcomes in a row.
    in_a_row: u32,
    /// When the window of the rate began, and what is in it.
    window: (Duration, u32, u32),
    /// Ejections since it was last forgiven.
    times: u32,
    /// Ejections ever: tells trials of one from those of another.
    opened: u32,
    closed_at: Duration,
    trials: u32,
    passed: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        let window = (Duration::ZERO, 0, 0);
        let (closed_at, phase) = (Duration::ZERO, Phase::Closed);
        Self { phase, in_a_row: 0, window, times: 0, opened: 0, closed_at, trials: 0, passed: 0 }
    }
}

impl Breaker {
    /// The state at `now`.
    #[must_use]
    pub fn phase(&self, now: Duration) -> Phase {
        match self.phase {
            Phase::Open(until) if until <= now => Phase::HalfOpen,
            phase @ (Phase::Closed | Phase::Open(_) | Phase::HalfOpen) => phase,
        }
    }

    /// Number of times it has opened.
    #[must_use]
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Bad outcomes in a row, up to now.
    #[must_use]
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// True when [`Breaker::begin`] would let a request through.
    #[must_use]
    pub fn admits(&self, now: Duration) -> bool {
        match self.phase(now) {
            Phase::Closed => true,
            Phase::Open(_) => false,
            Phase::HalfOpen => self.trials < TRIALS_IN_FLIGHT_MAX,
        }
    }

    /// Time until it may let a request through; zero where it does now.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Duration {
        match self.phase(now) {
            Phase::Open(until) => until.saturating_sub(now),
            Phase::Closed | Phase::HalfOpen => Duration::ZERO,
        }
    }

    /// Lets a request through, or not.
    pub fn begin(&mut self, now: Duration) -> Option<Permit> {
        if !self.admits(now) {
            return None;
        }
        self.phase = self.phase(now);
        match self.phase {
            Phase::Closed => Some(Permit::Regular),
            Phase::Open(_) | Phase::HalfOpen => {
                self.trials += 1;
                Some(Permit::Trial(self.opened))
            }
        }
    }

    /// A request that was let through is over, with or without an outcome.
    pub fn end(&mut self, pass: Permit) {
        match pass {
            Permit::Trial(opened) if opened == self.opened => self.trials = self.trials.saturating_sub(1),
            Permit::Trial(_) | Permit::Regular => {}
        }
    }

    /// Takes the outcome of a request in; true where it speaks for [`Breaker::open`].
    /// A request that began before the last ejection says nothing any more.
    #[must_use]
    pub fn record(&mut self, pass: Permit, outcome: AttemptOutcome, now: Duration) -> bool {
        match (self.phase, pass) {
            (Phase::Closed, Permit::Regular | Permit::Trial(_)) => self.count(outcome, now),
            (Phase::HalfOpen, Permit::Trial(opened)) if opened == self.opened => match outcome {
                AttemptOutcome::Success => self.pass_trial(now),
                AttemptOutcome::ServerError | AttemptOutcome::Unavailable => true,
            },
            (Phase::HalfOpen | Phase::Open(_), Permit::Regular | Permit::Trial(_)) => false,
        }
    }

    /// Ejects the instance; returns for how long.
    pub fn open(&mut self, now: Duration) -> Duration {
        if self.phase == Phase::Closed && now.saturating_sub(self.closed_at) >= EJECTIONS_RESET_AFTER {
            self.times = 0;
        }
        let long = FIRST_EJECTION.saturating_mul(self.times.saturating_add(1)).min(EJECTION_MAX);
        *self = Self {
            phase: Phase::Open(now.saturating_add(long)),
            times: self.times.saturating_add(1),
            opened: self.opened.wrapping_add(1),
            ..Self::default()
        };
        long
    }

    fn pass_trial(&mut self, now: Duration) -> bool {
        self.passed += 1;
        if self.passed >= TRIALS_TO_CLOSE {
            let (times, opened) = (self.times, self.opened);
            *self = Self { times, opened, closed_at: now, window: (now, 0, 0), ..Self::default() };
        }
        false
    }

    fn count(&mut self, outcome: AttemptOutcome, now: Duration) -> bool {
        let (began, mut all, mut failed) = self.window;
        let over = now.saturating_sub(began) >= RATE_WINDOW;
        if over {
            (all, failed) = (0, 0);
        }
        all += 1;
        match outcome {
            AttemptOutcome::Success => self.in_a_row = 0,
            AttemptOutcome::ServerError => failed += 1,
            AttemptOutcome::Unavailable => {
                failed += 1;
                self.in_a_row += 1;
            }
        }
        self.window = (if over { now } else { began }, all, failed);
        outcome != AttemptOutcome::Success
            && (self.in_a_row >= IN_A_ROW || (all >= RATED_ANSWERS_MIN && failed >= all.div_ceil(2)))
    }
}

/// True when one more of `able` instances may be ejected by suspicion alone, where `ejected` of them are already: never
/// more than half, so that a bad request, or a fault in Ostler's own network, takes no service down.
#[must_use]
pub fn may_eject(able: usize, ejected: usize) -> bool {
    ejected < able / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The breaker after a request with this outcome at `now`, which must have been let through.
    fn request(breaker: &mut Breaker, outcome: AttemptOutcome, now: Duration) -> Phase {
        let pass = breaker.begin(now).unwrap();
        if breaker.record(pass, outcome, now) {
            breaker.open(now);
        }
        breaker.end(pass);
        breaker.phase(now)
    }

    fn ejected(breaker: &mut Breaker, now: Duration) -> Duration {
        while request(breaker, AttemptOutcome::Unavailable, now) == Phase::Closed {}
        breaker.wait(now)
    }

    #[test]
    fn the_third_failure_in_a_row_ejects() {
        let mut breaker = Breaker::default();
        for outcome in [
            AttemptOutcome::Unavailable,
            AttemptOutcome::Unavailable,
            AttemptOutcome::Success,
            AttemptOutcome::Unavailable,
            AttemptOutcome::Unavailable,
        ] {
            assert_eq!(request(&mut breaker, outcome, at(1)), Phase::Closed);
        }
        assert_eq!(request(&mut breaker, AttemptOutcome::Unavailable, at(1)), Phase::Open(at(6)));
        assert_eq!(breaker.begin(at(5)), None);
    }

    #[test]
    fn every_other_request_failing_ejects_once_there_were_enough() {
        let mut breaker = Breaker::default();
        for n in 0..18 {
            let outcome = if n % 2 == 0 { AttemptOutcome::ServerError } else { AttemptOutcome::Success };
            assert_eq!(request(&mut breaker, outcome, at(1)), Phase::Closed);
        }
        assert_eq!(request(&mut breaker, AttemptOutcome::ServerError, at(1)), Phase::Closed);
        assert_eq!(request(&mut breaker, AttemptOutcome::ServerError, at(1)), Phase::Open(at(6)));
    }

    #[test]
    fn failures_spread_over_a_long_time_do_not() {
        let mut breaker = Breaker::default();
        for n in 0..100 {
            assert_eq!(request(&mut breaker, AttemptOutcome::ServerError, at(n)), Phase::Closed);
        }
    }

    #[test]
    fn each_ejection_takes_longer_up_to_a_limit() {
        let (mut breaker, mut now) = (Breaker::default(), at(0));
        let mut waits = Vec::new();
        for _ in 0..70 {
            let wait = ejected(&mut breaker, now);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits[..4], [5, 10, 15, 20]);
        assert_eq!(waits[69], 300);
    }

    #[test]
    fn good_trials_one_at_a_time_close_it_and_time_forgives() {
        let mut breaker = Breaker::default();
        ejected(&mut breaker, at(0));
        let trial = breaker.begin(at(5)).unwrap();
        assert_eq!((breaker.phase(at(5)), breaker.begin(at(5))), (Phase::HalfOpen, None));
        assert!(!breaker.record(trial, AttemptOutcome::Success, at(5)));
        breaker.end(trial);
        assert_eq!(request(&mut breaker, AttemptOutcome::Success, at(5)), Phase::HalfOpen);
        assert_eq!(request(&mut breaker, AttemptOutcome::Success, at(5)), Phase::Closed);
        assert_eq!(ejected(&mut breaker, at(20)), at(10));
        (0..3).for_each(|_| _ = request(&mut breaker, AttemptOutcome::Success, at(30)));
        assert_eq!(ejected(&mut breaker, at(90)), at(5));
    }

    #[test]
    fn a_trial_that_is_given_up_makes_room_for_the_next() {
        let mut breaker = Breaker::default();
        ejected(&mut breaker, at(0));
        let trial = breaker.begin(at(5)).unwrap();
        breaker.end(trial);
        assert!(breaker.admits(at(5)));
    }

    #[test]
    fn what_began_before_the_ejection_changes_nothing() {
        let mut breaker = Breaker::default();
        let early = breaker.begin(at(0)).unwrap();
        ejected(&mut breaker, at(0));
        assert!(!breaker.record(early, AttemptOutcome::Unavailable, at(1)));
        let trial = breaker.begin(at(5)).unwrap();
        assert!(
            !breaker.record(early, AttemptOutcome::Unavailable, at(6)),
            "an old request speaks for the half-open one"
        );
        assert!(breaker.record(trial, AttemptOutcome::Unavailable, at(6)));
        breaker.open(at(6));
        breaker.end(trial);
        assert!(!breaker.record(trial, AttemptOutcome::Success, at(20)));
    }

    #[test]
    fn never_more_than_half_are_ejected_by_suspicion() {
        let most = |able: usize| (0..=able).take_while(|ejected| may_eject(able, *ejected)).count();
        assert_eq!([0, 1, 2, 3, 4, 5].map(most), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_status_says_how_an_instance_is() {
        assert_eq!([200, 404, 429, 500, 501, 503].map(outcome), {
            use AttemptOutcome::{ServerError, Success, Unavailable};
            [Success, Success, Success, ServerError, Success, Unavailable]
        });
    }
}
