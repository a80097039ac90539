//! [`Shedder`]: selects requests to refuse, so that the others stay quick.

use std::{cell::Cell, time::Duration};

/// A tick that comes so late says that everything waits that long for the thread.
const LATE_TICK: Duration = Duration::from_millis(100);
/// With fewer connections, lateness is the machine's and not our callers'.
const SHEDDING_CONNECTIONS_MIN: usize = 64;
/// All requests, in the units the share is counted in.
const SHARE_MAX: u32 = 256;
/// Step by which the share grows after a late tick, and shrinks after one in time.
const SHARE_STEP: u32 = 16;

/// Refuses a growing share of requests while the thread falls behind, and a shrinking one while it keeps up.
///
/// Load is measured by the lateness of the tick: the time a ready connection waits for its turn. That holds whether the
/// thread is kept from its work by answers, by calls or by forwarding.
#[derive(Debug, Default)]
pub(super) struct Shedder {
    share: Cell<u32>,
    carry: Cell<u32>,
    was_late: Cell<bool>,
}

impl Shedder {
    /// Takes note of a tick, with so many connections open.
    pub(super) fn observe(&self, late: Duration, connections: usize) {
        let is_late = late >= LATE_TICK && connections >= SHEDDING_CONNECTIONS_MIN;
        // Once is no overload: a process that was suspended is late once.
        let share = match (is_late, self.was_late.replace(is_late)) {
            (true, true) => (self.share.get() + SHARE_STEP).min(SHARE_MAX - SHARE_STEP),
            (true, false) => self.share.get(),
            (false, _) => self.share.get().saturating_sub(SHARE_STEP),
        };
        self.share.set(share);
    }

    /// True while nothing is refused.
    pub(super) fn is_idle(&self) -> bool {
        self.share.get() == 0
    }

    /// True where the request at hand is to be refused.
    pub(super) fn should_refuse(&self) -> bool {
        let share = self.share.get();
        if share == 0 {
            return false;
        }
        let carry = self.carry.get() + share;
        self.carry.set(carry % SHARE_MAX);
        carry >= SHARE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(shedder: &Shedder) -> usize {
        (0..256).filter(|_| shedder.should_refuse()).count()
    }

    #[test]
    fn the_longer_it_falls_behind_the_more_is_refused_and_never_all() {
        let shedder = Shedder::default();
        assert_eq!(refused(&shedder), 0);
        let mut last = 0;
        for _ in 0..3 {
            (0..3).for_each(|_| shedder.observe(LATE_TICK, SHEDDING_CONNECTIONS_MIN));
            let now = refused(&shedder);
            assert!(now > last, "{now}");
            last = now;
        }
        (0..99).for_each(|_| shedder.observe(LATE_TICK, SHEDDING_CONNECTIONS_MIN));
        assert_eq!(refused(&shedder), 240);
        (0..99).for_each(|_| shedder.observe(Duration::ZERO, SHEDDING_CONNECTIONS_MIN));
        assert_eq!(refused(&shedder), 0);
    }

    #[test]
    fn one_late_request_or_few_callers_shed_no_load() {
        let shedder = Shedder::default();
        shedder.observe(Duration::from_secs(300), 9_999);
        shedder.observe(Duration::ZERO, 9_999);
        (0..9).for_each(|_| shedder.observe(LATE_TICK, SHEDDING_CONNECTIONS_MIN - 1));
        assert_eq!(refused(&shedder), 0);
    }
}
