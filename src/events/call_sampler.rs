//! [`CallSampler`]: decides for each server whether a call is published by itself or in a sum with others.

use std::collections::{HashMap, hash_map::Entry};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    events::call_sum::{CallSum, SAMPLE_WINDOW, SINGLE_CALLS_MAX},
    model::ServerId,
};

/// Calls of each server within the last second or so.
#[derive(Default)]
pub(super) struct CallSampler(Mutex<HashMap<ServerId, CallWindow>>);

#[derive(Default)]
struct CallWindow {
    since: Option<Instant>,
    singles: u32,
    count: u64,
    errors: u64,
}

/// Delivery of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallDelivery {
    /// By itself.
    Single,
    /// In a sum that will be taken.
    Summed,
    /// As the first of a sum, which is to be taken after [`SAMPLE_WINDOW`].
    BeginsSum,
}

impl CallSampler {
    /// Counts a call that ended now. A call may outlive its server, which must not come back once it is forgotten: so a
    /// server is taken in only where it `is_registered`.
    pub(super) fn count(
        &self,
        server: ServerId,
        now: Instant,
        success: bool,
        is_registered: impl FnOnce() -> bool,
    ) -> CallDelivery {
        let mut windows = self.0.lock();
        let window = match windows.entry(server) {
            Entry::Occupied(window) => window.into_mut(),
            Entry::Vacant(_) if !is_registered() => return CallDelivery::Single,
            Entry::Vacant(place) => place.insert(CallWindow::default()),
        };
        let is_over = window.since.is_none_or(|since| now.saturating_duration_since(since) >= SAMPLE_WINDOW);
        // A sum that is not taken yet keeps its window, or calls could be published ahead of it.
        if is_over && window.count == 0 {
            *window = CallWindow { since: Some(now), ..CallWindow::default() };
        }
        if window.singles < SINGLE_CALLS_MAX {
            window.singles = window.singles.saturating_add(1);
            return CallDelivery::Single;
        }
        window.count = window.count.saturating_add(1);
        window.errors = window.errors.saturating_add(u64::from(!success));
        if window.count == 1 { CallDelivery::BeginsSum } else { CallDelivery::Summed }
    }

    /// Takes the sums of all servers that have any.
    pub(super) fn take_sums(&self, now: Instant) -> Vec<(ServerId, CallSum)> {
        let mut windows = self.0.lock();
        let summed = windows.iter_mut().filter(|(_, window)| window.count > 0);
        summed.map(|(server, window)| (*server, window.take_sum(now))).collect()
    }

    /// Forgets a server.
    pub(super) fn forget(&self, server: ServerId) {
        self.0.lock().remove(&server);
    }
}

impl CallWindow {
    fn take_sum(&mut self, now: Instant) -> CallSum {
        let over = self.since.map_or(SAMPLE_WINDOW, |since| now.saturating_duration_since(since));
        let sum = CallSum { count: self.count, errors: self.errors, over };
        *self = Self { since: Some(now), ..Self::default() };
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frequent_calls_of_a_server_are_summed() {
        let (sampler, server) = (CallSampler::default(), ServerId::new());
        let count = |success| sampler.count(server, Instant::now(), success, || true);
        assert!((0..SINGLE_CALLS_MAX).all(|_| count(true) == CallDelivery::Single));
        let expected = [CallDelivery::BeginsSum, CallDelivery::Summed, CallDelivery::Summed];
        assert_eq!([count(true), count(false), count(false)], expected);
        tokio::time::advance(SAMPLE_WINDOW).await;
        let [(of, sum)] = sampler.take_sums(Instant::now())[..] else { panic!("no sum") };
        assert_eq!(of, server);
        assert_eq!((sum.count, sum.errors, sum.over), (3, 2, SAMPLE_WINDOW));
        assert_eq!(sampler.take_sums(Instant::now()), []);
        assert_eq!(count(true), CallDelivery::Single);
    }

    #[test]
    fn a_forgotten_server_does_not_come_back() {
        let (sampler, server) = (CallSampler::default(), ServerId::new());
        sampler.count(server, Instant::now(), true, || true);
        sampler.forget(server);
        assert_eq!(sampler.count(server, Instant::now(), true, || false), CallDelivery::Single);
        assert!(sampler.0.lock().is_empty());
    }
}
