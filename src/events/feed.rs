//! [`Feed`]: the ring of events with a signal for readers, and ids by which each run knows its own events.

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::events::{
    audience::Audience,
    event::LiveEvent,
    ring::{EventBatch, EventRing},
};

/// Characters of a run's name: enough that two runs do not share one.
const RUN_CHARACTERS: usize = 12;

/// The newest events of this run.
pub(super) struct Feed {
    /// Tells this run's numbers from those of others.
    run: String,
    ring: Mutex<EventRing>,
    latest: watch::Sender<u64>,
}

impl Default for Feed {
    fn default() -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string().chars().take(RUN_CHARACTERS).collect();
        Self { run, ring: Mutex::default(), latest: watch::Sender::default() }
    }
}

impl Feed {
    /// Adds an event and wakes readers.
    pub(super) fn push(&self, audience: Audience, event: LiveEvent) {
        let seq = self.ring.lock().push(audience, event);
        self.latest.send_replace(seq);
    }

    /// The newest number, now and whenever it is another.
    pub(super) fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The events after number `seq`.
    pub(super) fn after(&self, seq: u64) -> EventBatch {
        self.ring.lock().after(seq)
    }

    /// The id of a number of this run.
    pub(super) fn id(&self, seq: u64) -> String {
        format!("{}-{seq}", self.run)
    }

    /// The number of an id; `None` where it is not of this run.
    pub(super) fn seq(&self, id: &str) -> Option<u64> {
        let (run, seq) = id.split_once('-')?;
        let seq = seq.parse().ok().filter(|seq| *seq <= *self.latest.borrow());
        if run == self.run { seq } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerId;

    #[test]
    fn ids_of_another_run_or_of_the_future_are_unknown() {
        let (feed, other) = (Feed::default(), Feed::default());
        feed.push(Audience::Gateway, LiveEvent::Restart { server_id: ServerId::new(), attempt: 1 });
        assert_eq!(feed.seq(&feed.id(1)), Some(1));
        assert_eq!(feed.seq(&feed.id(2)), None);
        assert_eq!(feed.seq(&other.id(0)), None);
        assert_eq!(feed.seq("nonsense"), None);
    }
}
