//! How many calls one reader is told of in a second; the rest is summed up by server.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::model::ServerId;

use super::{
    LiveEvent,
    pulse::{MOST, Sum, WINDOW},
};

/// What one reader was told of calls within the last second or so, and what not yet.
pub(super) struct Pace {
    since: Instant,
    told: u32,
    sums: BTreeMap<ServerId, Sum>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, told: 0, sums: BTreeMap::new() }
    }

    /// The event where it is to be told now; `None` where it is summed up.
    pub(super) fn take(&mut self, event: &LiveEvent, now: Instant) -> Option<LiveEvent> {
        if self.sums.is_empty() && now.saturating_duration_since(self.since) >= WINDOW {
            (self.since, self.told) = (now, 0);
        }
        let (server, count, errors) = match event {
            LiveEvent::Call { server_id, success, .. } => (*server_id, 1, u64::from(!success)),
            LiveEvent::Calls { server_id, count, errors, .. } => (*server_id, *count, *errors),
            LiveEvent::Server { .. }
            | LiveEvent::Exit { .. }
            | LiveEvent::Restart { .. }
            | LiveEvent::GaveUp { .. }
            | LiveEvent::Gateway { .. }
            | LiveEvent::Gap { .. } => return Some(event.clone()),
        };
        if self.told < MOST {
            self.told = self.told.saturating_add(1);
            return Some(event.clone());
        }
        let sum = self.sums.entry(server).or_default();
        sum.count = sum.count.saturating_add(count);
        sum.errors = sum.errors.saturating_add(errors);
        None
    }

    /// When the sums are to be told, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.sums.is_empty()).then(|| self.since + WINDOW)
    }

    /// The sums so far, to be told now.
    pub(super) fn sums(&mut self, now: Instant) -> impl Iterator<Item = LiveEvent> + use<> {
        let over = now.saturating_duration_since(self.since);
        if over >= WINDOW {
            (self.since, self.told) = (now, 0);
        }
        std::mem::take(&mut self.sums).into_iter().map(move |(server, sum)| Sum { over, ..sum }.event(server))
    }
}
