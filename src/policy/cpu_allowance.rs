//! [`CpuAllowance`]: when a process tree that is held to a share of the processors may run.

use std::time::Duration;

/// Time whose share a tree may save up: it is used at once by a start, or by a call to an idle server.
const SAVED_MAX: Duration = Duration::from_secs(1);

/// Time whose share is there before a tree that was stopped goes on, and the longest time between two looks.
const PERIOD: Duration = Duration::from_millis(100);

/// Shortest time between two looks, each of which costs a part of a millisecond.
const RUN_MIN: Duration = Duration::from_millis(5);

/// Hundredths of a core in one core.
const ONE_CORE: i64 = 100;

/// Processor time that a tree has left. It falls below zero where the tree has used more between two looks, and so the
/// share is exact over longer times.
#[derive(Clone, Debug)]
pub(crate) struct CpuAllowance {
    /// Its share, in hundredths of a core.
    share: i64,
    /// Microseconds of processor time.
    balance: i64,
    /// Cores that it used lately, in hundredths: with more of them, the balance is used up sooner.
    rate: i64,
}

/// State of the tree until the next look, and the time until that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It runs.
    Run(Duration),
    /// It is stopped.
    Hold(Duration),
}

impl CpuAllowance {
    /// The allowance of a tree that begins, of `percent` hundredths of a core.
    pub(crate) fn new(percent: u64) -> Self {
        let share = i64::try_from(percent).unwrap_or(i64::MAX).max(1);
        let allowance = Self { share, balance: 0, rate: ONE_CORE };
        Self { balance: allowance.earned(SAVED_MAX), ..allowance }
    }

    /// Takes account of the processor time that was used in the time that passed since the last look.
    pub(crate) fn turn(&mut self, passed: Duration, used: Duration) -> Turn {
        let now = per_hundred(micros(used), micros(passed));
        // One that was stopped meanwhile is as wide as it was.
        self.rate = now.max(self.rate.saturating_div(2)).max(ONE_CORE);
        let balance = self.balance.saturating_add(self.earned(passed)).saturating_sub(micros(used));
        self.balance = balance.min(self.earned(SAVED_MAX));
        if self.balance > 0 {
            return Turn::Run(duration(per_hundred(self.balance, self.rate)).clamp(RUN_MIN, PERIOD));
        }
        Turn::Hold(duration(per_hundred(self.earned(PERIOD).saturating_sub(self.balance), self.share)))
    }

    /// Microseconds of processor time that come in such a time.
    fn earned(&self, time: Duration) -> i64 {
        micros(time).saturating_mul(self.share).saturating_div(ONE_CORE)
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// Hundred times a number by another; 0 where that is 0.
fn per_hundred(number: i64, of: i64) -> i64 {
    number.saturating_mul(100).checked_div(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of so many threads that never rest; the processor time it has used after `total`, and its longest stop.
    fn spins(percent: u64, threads: u32, total: Duration) -> (Duration, Duration) {
        let mut allowance = CpuAllowance::new(percent);
        let (mut passed, mut used, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let mut turn = allowance.turn(Duration::ZERO, Duration::ZERO);
        while passed < total {
            let (time, uses) = match turn {
                Turn::Run(time) => (time, time * threads),
                Turn::Hold(time) => (time, Duration::ZERO),
            };
            if let Turn::Hold(time) = turn {
                longest = longest.max(time);
            }
            (passed, used) = (passed + time, used + uses);
            turn = allowance.turn(time, uses);
        }
        (used, longest)
    }

    #[test]
    fn a_tree_that_never_rests_gets_its_share_however_wide_it_is() {
        for (percent, threads) in [(50, 1), (50, 2), (10, 4), (150, 2), (200, 64), (1, 1)] {
            let (used, longest) = spins(percent, threads, Duration::from_secs(300));
            let share = 100.0 * used.as_secs_f64() / 300.0;
            let percent = f64::from(u32::try_from(percent).unwrap());
            assert!((share - percent).abs() < percent * 0.02, "{percent}: {share}");
            assert!(longest < Duration::from_secs(10), "{percent} {threads}: {longest:?}");
        }
        // As many as its share allows are never stopped.
        assert_eq!(spins(200, 2, Duration::from_secs(60)).1, Duration::ZERO);
    }

    #[test]
    fn a_tree_that_was_idle_may_use_what_it_saved_and_no_more() {
        let mut allowance = CpuAllowance::new(50);
        assert_eq!(allowance.turn(Duration::from_secs(3600), Duration::ZERO), Turn::Run(PERIOD));
        assert_eq!(allowance.turn(Duration::from_millis(400), Duration::from_millis(400)), Turn::Run(PERIOD));
        // 300 ms were left, and 150 ms came.
        let held = allowance.turn(Duration::from_millis(300), Duration::from_millis(600));
        assert_eq!(held, Turn::Hold(Duration::from_millis(400)));
    }

    #[test]
    fn a_debt_is_paid_before_the_tree_goes_on() {
        let mut allowance = CpuAllowance::new(50);
        // Half a second was saved, and a tenth came: 0.2 s too much, and 50 ms to begin with.
        let held = allowance.turn(Duration::from_millis(200), Duration::from_millis(800));
        assert_eq!(held, Turn::Hold(Duration::from_millis(500)));
        assert!(matches!(allowance.turn(Duration::from_millis(499), Duration::ZERO), Turn::Run(_)));
    }
}
