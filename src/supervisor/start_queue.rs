//! Order and pace of starts: a queue, a number of starts at once, and a rate for all of them.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::model::ServerId;

/// Time between two spawns, over all servers: 40 a second, so that a hundred that crash together don't take the machine
/// with them.
const SPAWN_INTERVAL: Duration = Duration::from_millis(25);

/// Spawns that may come at once after a quiet time.
const SPAWN_BURST: u32 = 32;

/// Children waiting to start. Starts asked for by people go before those at boot and after crashes.
pub(super) struct StartQueue {
    waiting: VecDeque<ServerId>,
    starting: HashSet<u64>,
    max_starting: usize,
    /// When the bucket will be full again; the fill level follows from it (GCRA).
    full_at: Instant,
    /// Time until which another attempt is scheduled; one is enough, however often `next` is called meanwhile.
    retry_at: Instant,
}

/// Decision on the next start.
pub(super) enum NextStart {
    /// This child may start.
    Start(ServerId),
    /// Not before this long: ask again then.
    After(Duration),
    /// No child waits, or not before something else has ended or the time given last has passed.
    Wait,
}

impl StartQueue {
    pub(super) fn new(most: usize) -> Self {
        let now = Instant::now();
        let (waiting, starting) = (VecDeque::new(), HashSet::new());
        Self { waiting, starting, max_starting: most.max(1), full_at: now, retry_at: now }
    }

    pub(super) fn push(&mut self, id: ServerId) {
        if !self.waiting.contains(&id) {
            self.waiting.push_back(id);
        }
    }

    pub(super) fn push_first(&mut self, id: ServerId) {
        self.remove(id);
        self.waiting.push_front(id);
    }

    pub(super) fn remove(&mut self, id: ServerId) {
        self.waiting.retain(|waiting| *waiting != id);
    }

    /// Decides on the next start at `now`; takes the child off the queue.
    pub(super) fn next(&mut self, now: Instant) -> NextStart {
        if self.waiting.is_empty() || self.starting.len() >= self.max_starting {
            return NextStart::Wait;
        }
        let full_at = self.full_at.max(now) + SPAWN_INTERVAL;
        let debt = full_at.saturating_duration_since(now);
        if let Some(wait) = debt.checked_sub(SPAWN_INTERVAL.saturating_mul(SPAWN_BURST)).filter(|wait| !wait.is_zero())
        {
            if now < self.retry_at {
                return NextStart::Wait;
            }
            self.retry_at = now + wait;
            return NextStart::After(wait);
        }
        self.full_at = full_at;
        self.waiting.pop_front().map_or(NextStart::Wait, NextStart::Start)
    }

    /// A process takes one of the places until it is ready or gone.
    pub(super) fn add_starting(&mut self, generation: u64) {
        self.starting.insert(generation);
    }

    pub(super) fn remove_starting(&mut self, generation: u64) {
        self.starting.remove(&generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn starts_are_bounded_in_number_and_in_pace() {
        let mut queue = StartQueue::new(100);
        let now = Instant::now();
        (0..40).for_each(|_| queue.push(ServerId::new()));
        let (mut started, mut next) = (0, queue.next(now));
        while let NextStart::Start(_) = next {
            queue.add_starting(started);
            (started, next) = (started + 1, queue.next(now));
        }
        assert_eq!(started, u64::from(SPAWN_BURST));
        assert!(matches!(next, NextStart::After(wait) if wait <= SPAWN_INTERVAL));
        assert!(matches!(queue.next(now), NextStart::Wait), "one who asks again is enough");
        assert!(matches!(queue.next(now + SPAWN_INTERVAL), NextStart::Start(_)));
        assert!(matches!(queue.next(now + SPAWN_INTERVAL), NextStart::After(_)));

        let mut queue = StartQueue::new(1);
        (0..2).for_each(|_| queue.push(ServerId::new()));
        assert!(matches!(queue.next(now), NextStart::Start(_)));
        queue.add_starting(1);
        assert!(matches!(queue.next(now), NextStart::Wait));
        queue.remove_starting(1);
        assert!(matches!(queue.next(now), NextStart::Start(_)));
    }
}
