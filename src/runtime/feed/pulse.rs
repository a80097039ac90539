//! How often a server is called: whether a call is told by itself, or in a sum with others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::model::ServerId;

use super::LiveEvent;

/// How long calls are counted before their sum is told.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// How many are told one by one within that time.
pub(super) const MOST: u32 = 20;

/// The calls of each server within the last second or so.
#[derive(Default)]
pub(super) struct Pulses(Mutex<HashMap<ServerId, Window>>);

#[derive(Default)]
struct Window {
    since: Option<Instant>,
    told: u32,
    count: u64,
    errors: u64,
}

/// How a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// By itself.
    Singly,
    /// In the sum that follows.
    Summed,
    /// As the first of a sum.
    SumBegun,
}

/// Calls that were counted and not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) errors: u64,
    pub(super) over: Duration,
}

impl Pulses {
    /// Counts a call that ended now.
    pub(super) fn beat(&self, server: ServerId, now: Instant, success: bool) -> Told {
        let mut windows = self.windows();
        let window = windows.entry(server).or_default();
        let is_over = window.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW);
        if is_over && window.count == 0 {
            *window = Window { since: Some(now), ..Window::default() };
        }
        if window.told < MOST {
            window.told = window.told.saturating_add(1);
            return Told::Singly;
        }
        window.count = window.count.saturating_add(1);
        window.errors = window.errors.saturating_add(u64::from(!success));
        if window.count == 1 { Told::SumBegun } else { Told::Summed }
    }

    /// The calls that were not told yet, of each server that has any.
    pub(super) fn take(&self, now: Instant) -> Vec<(ServerId, Sum)> {
        let mut windows = self.windows();
        let waiting = windows.iter_mut().filter(|(_, window)| window.count > 0);
        waiting.map(|(server, window)| (*server, window.take(now))).collect()
    }

    /// Forgets a server.
    pub(super) fn forget(&self, server: ServerId) {
        self.windows().remove(&server);
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<ServerId, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn take(&mut self, now: Instant) -> Sum {
        let over = self.since.map_or(WINDOW, |since| now.saturating_duration_since(since));
        let sum = Sum { count: self.count, errors: self.errors, over };
        *self = Self { since: Some(now), ..Self::default() };
        sum
    }
}

impl Sum {
    pub(super) fn event(self, server_id: ServerId) -> LiveEvent {
        let since_ms = u64::try_from(self.over.as_millis()).unwrap_or(u64::MAX);
        LiveEvent::Calls { server_id, count: self.count, errors: self.errors, since_ms }
    }
}
