//! [`ReaderSampler`]: limits how many calls of all servers one reader gets in a second; the rest is summed by server.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::{
    events::{
        call_sum::{CallSum, SAMPLE_WINDOW, SINGLE_CALLS_MAX},
        event::LiveEvent,
    },
    model::ServerId,
};

/// Calls that one reader got within the last second or so, and the sums that they get next.
pub(super) struct ReaderSampler {
    since: Instant,
    singles: u32,
    sums: BTreeMap<ServerId, CallSum>,
}

impl ReaderSampler {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, singles: 0, sums: BTreeMap::new() }
    }

    /// The event where it is delivered now; `None` where it is summed.
    pub(super) fn sample(&mut self, event: &LiveEvent, now: Instant) -> Option<LiveEvent> {
        if self.sums.is_empty() && now.saturating_duration_since(self.since) >= SAMPLE_WINDOW {
            (self.since, self.singles) = (now, 0);
        }
        let (server, count, errors) = match event {
            LiveEvent::Call { server_id, success, .. } => (*server_id, 1, u64::from(!success)),
            LiveEvent::Calls { server_id, count, errors, .. } => (*server_id, *count, *errors),
            LiveEvent::Server { .. }
            | LiveEvent::Exit { .. }
            | LiveEvent::Restart { .. }
            | LiveEvent::GaveUp { .. }
            | LiveEvent::Tools { .. }
            | LiveEvent::Gateway { .. }
            | LiveEvent::Gap { .. } => return Some(event.clone()),
        };
        if self.singles < SINGLE_CALLS_MAX {
            self.singles = self.singles.saturating_add(1);
            return Some(event.clone());
        }
        let sum = self.sums.entry(server).or_default();
        sum.count = sum.count.saturating_add(count);
        sum.errors = sum.errors.saturating_add(errors);
        None
    }

    /// The time at which sums are delivered; `None` where there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.sums.is_empty()).then(|| self.since + SAMPLE_WINDOW)
    }

    /// Takes the sums so far, to be delivered now.
    pub(super) fn take_sums(&mut self, now: Instant) -> impl Iterator<Item = LiveEvent> + use<> {
        let over = now.saturating_duration_since(self.since);
        if over >= SAMPLE_WINDOW {
            (self.since, self.singles) = (now, 0);
        }
        std::mem::take(&mut self.sums).into_iter().map(move |(server, sum)| CallSum { over, ..sum }.event(server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reader_gets_twenty_calls_a_second_and_the_sum_of_the_rest() {
        let (one, other) = (ServerId::new(), ServerId::new());
        let mut sampler = ReaderSampler::new(Instant::now());
        let mut gets = |event: &LiveEvent| sampler.sample(event, Instant::now()).is_some();
        let singles = (0..100).filter(|n| gets(&LiveEvent::call(if n % 2 == 0 { one } else { other }, true)));
        assert_eq!(singles.count(), 20);
        assert!(gets(&LiveEvent::Restart { server_id: one, attempt: 1 }));
        tokio::time::advance(SAMPLE_WINDOW).await;
        let sums: Vec<_> = sampler.take_sums(Instant::now()).collect();
        let counted = sums
            .iter()
            .map(|event| if let LiveEvent::Calls { count, since_ms: 1000, .. } = event { *count } else { 0 });
        assert_eq!(counted.collect::<Vec<_>>(), [40, 40]);
        assert!(sampler.due().is_none());
        assert!(sampler.sample(&LiveEvent::call(one, false), Instant::now()).is_some());
    }
}
