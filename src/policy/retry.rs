//! The retry budget: a fifth of recent requests may be retried, and a few more.

use std::time::Duration;

/// Length of the period that counts as recent, in slots of a second.
const BUDGET_SECONDS: usize = 10;

/// Retries in that time whatever the number of requests, so that a quiet service gets its second try too.
const RETRIES_MIN: u64 = 10;

/// One retry for so many requests.
const REQUESTS_PER_RETRY: u64 = 5;

/// Requests and retries of the last ten seconds.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    slots: [BudgetSlot; BUDGET_SECONDS],
}

#[derive(Clone, Copy, Debug, Default)]
struct BudgetSlot {
    second: u64,
    requests: u64,
    retries: u64,
}

impl Budget {
    /// Counts a request at `now`.
    pub fn request(&mut self, now: Duration) {
        if let Some(slot) = self.slot(now) {
            slot.requests += 1;
        }
    }

    /// Takes a retry at `now`; false, and nothing counted, where there were as many as may be.
    pub fn retry(&mut self, now: Duration) -> bool {
        let oldest = (now.as_secs() + 1).saturating_sub(u64::try_from(BUDGET_SECONDS).unwrap_or(u64::MAX));
        let recent = self.slots.iter().filter(|slot| slot.second >= oldest);
        let (requests, retries) = recent.fold((0, 0), |(a, b), slot| (a + slot.requests, b + slot.retries));
        let may = retries < RETRIES_MIN.max(requests / REQUESTS_PER_RETRY);
        if may && let Some(slot) = self.slot(now) {
            slot.retries += 1;
        }
        may
    }

    fn slot(&mut self, now: Duration) -> Option<&mut BudgetSlot> {
        let second = now.as_secs();
        let index = usize::try_from(second).ok()?.checked_rem(BUDGET_SECONDS)?;
        let slot = self.slots.get_mut(index)?;
        if slot.second != second {
            *slot = BudgetSlot { second, ..BudgetSlot::default() };
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(budget: &mut Budget, now: Duration) -> usize {
        (0..10_000).filter(|_| budget.retry(now)).count()
    }

    #[test]
    fn a_fifth_of_the_recent_requests_may_be_repeated() {
        let mut budget = Budget::default();
        for millis in 0..5_000 {
            budget.request(Duration::from_millis(millis));
        }
        assert_eq!(granted(&mut budget, Duration::from_millis(5_000)), 1_000);
    }

    #[test]
    fn a_quiet_service_gets_a_few() {
        let mut budget = Budget::default();
        assert_eq!(granted(&mut budget, Duration::ZERO), 10);
        assert_eq!(granted(&mut budget, Duration::from_secs(9)), 0);
        assert_eq!(granted(&mut budget, Duration::from_secs(10)), 10);
    }

    #[test]
    fn what_was_long_ago_gives_nothing() {
        let mut budget = Budget::default();
        (0..10_000).for_each(|_| budget.request(Duration::from_secs(3)));
        assert_eq!(granted(&mut budget, Duration::from_secs(100)), 10);
    }
}
