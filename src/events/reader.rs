//! Readers: each gets the events that they may see, in order, as fast as they read.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use futures_util::{
    future::BoxFuture,
    stream::{self, Stream},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    events::{
        event::{LiveEvent, LiveItem},
        feed::Feed,
        reader_sampler::ReaderSampler,
        ring::EventBatch,
    },
    model::{Permission, Principal},
};

/// Shortest time between two reads of the feed, so that a flood is read in batches.
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// A reader, and the items that are ready for them.
struct FeedReader {
    feed: Arc<Feed>,
    who: Principal,
    latest: watch::Receiver<u64>,
    seq: u64,
    sampler: ReaderSampler,
    read_at: Instant,
    ready: VecDeque<LiveItem>,
    /// Done when nothing more is to be waited for; `None` since.
    end: Option<BoxFuture<'static, ()>>,
}

/// Items for `who` from now on, or after the event of the id `after`, to the last one published before `end` is done;
/// and the id at which they begin.
pub(super) fn read(
    feed: Arc<Feed>,
    who: Principal,
    after: Option<&str>,
    end: BoxFuture<'static, ()>,
) -> (String, impl Stream<Item = LiveItem> + use<>) {
    let latest = feed.latest();
    let newest = *latest.borrow();
    let resumed = after.map(|id| feed.seq(id));
    let seq = resumed.flatten().unwrap_or(newest);
    // An id of another run: nothing says how many events came between.
    let gap = (resumed == Some(None)).then_some(LiveItem { id: None, event: LiveEvent::Gap { missed: None } });
    let now = Instant::now();
    let begin = feed.id(seq);
    let sampler = ReaderSampler::new(now);
    let (ready, end) = (gap.into_iter().collect(), Some(end));
    let reader = FeedReader { feed, who, latest, seq, sampler, read_at: now, ready, end };
    (begin, stream::unfold(reader, FeedReader::next))
}

impl FeedReader {
    async fn next(mut self) -> Option<(LiveItem, Self)> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some((item, self));
            }
            self.wait().await?;
        }
    }

    /// Waits until something may be ready; `None` when the feed has ended.
    async fn wait(&mut self) -> Option<()> {
        let (seq, due, end) = (self.seq, self.sampler.due(), self.end.as_mut()?);
        let sums_are_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => pending().await,
            }
        };
        let news = async {
            tokio::time::sleep_until(self.read_at + READ_INTERVAL).await;
            self.latest.wait_for(|latest| *latest > seq).await.map(drop)
        };
        tokio::select! {
            biased;
            () = sums_are_due => self.deliver_sums(),
            news = news => {
                news.ok()?;
                self.take_batch();
            }
            () = end => {
                self.end = None;
                self.take_batch();
                self.deliver_sums();
            }
        }
        Some(())
    }

    fn take_batch(&mut self) {
        self.read_at = Instant::now();
        let batch = self.feed.after(self.seq);
        self.deliver(batch);
    }

    fn deliver(&mut self, batch: EventBatch) {
        if batch.missed > 0 {
            self.deliver_sums();
            // The number would give away how much there is that this reader may not see.
            let sees_all = self.who.may(Permission::McpManage) && self.who.may(Permission::GatewayRead);
            let missed = sees_all.then_some(batch.missed);
            self.ready.push_back(LiveItem { id: None, event: LiveEvent::Gap { missed } });
        }
        for entry in batch.entries {
            let Some(event) = entry.audience.visible(&entry.event, &self.who) else { continue };
            if !entry.event.is_of_calls() {
                // An id says that everything before it was delivered.
                self.deliver_sums();
            }
            let single = self.sampler.sample(&event, self.read_at);
            self.seq = entry.seq;
            self.ready.extend(single.map(|event| LiveItem { id: Some(self.feed.id(entry.seq)), event }));
        }
        self.seq = batch.last;
    }

    fn deliver_sums(&mut self) {
        let id = self.feed.id(self.seq);
        let sums = self.sampler.take_sums(Instant::now());
        self.ready.extend(sums.map(|event| LiveItem { id: Some(id.clone()), event }));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{access::credentials::embedder, events::audience::Audience, model::ServerId};

    #[tokio::test(start_paused = true)]
    async fn a_reader_gets_all_that_was_published_before_the_end() {
        let (feed, server_id) = (Arc::<Feed>::default(), ServerId::new());
        let publish = |attempt| feed.push(Audience::Users(Vec::new()), LiveEvent::Restart { server_id, attempt });
        let (stop, stopped) = oneshot::channel::<()>();
        let end = Box::pin(async { stopped.await.unwrap_or_default() });
        let items = read(feed.clone(), embedder(), None, end).1;
        let attempt_of = |item: LiveItem| serde_json::to_value(item.event).unwrap()["attempt"].as_u64();
        let mut attempts = std::pin::pin!(items.map(attempt_of));
        publish(1);
        assert_eq!(attempts.next().await, Some(Some(1)));
        // The feed is not read again before `READ_INTERVAL` has passed, and the end comes earlier.
        publish(2);
        stop.send(()).unwrap();
        assert_eq!((attempts.next().await, attempts.next().await), (Some(Some(2)), None));
    }
}
