//! One who watches: told what they may see, in order, as fast as they read.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::{sync::watch, time::Instant};

use crate::{
    model::{Permission, Principal},
    revocation::RequiredRight,
    runtime::Runtime,
};

use super::{Feed, LiveEvent, LiveItem, pace::Pace, ring::Batch};

/// The least time between two looks at what is new, so that a flood is read in gulps.
const GULP: Duration = Duration::from_millis(20);

/// A reader, and what it has not yet been handed.
struct Reader {
    feed: Arc<Feed>,
    who: Principal,
    latest: watch::Receiver<u64>,
    seq: u64,
    pace: Pace,
    looked: Instant,
    ready: VecDeque<LiveItem>,
}

impl Runtime {
    /// What happens from now on, or after the event of the id `after`, as far as `who` may see it: servers and calls of
    /// their own and of those shared with them, everybody's with `mcp:manage`, services with `gateway:read`.
    ///
    /// A reader that is too slow, or resumes too late, gets [`LiveEvent::Gap`] in place of what is gone. The first item
    /// of a stream only says where it begins, where that is not a gap. The stream ends when `who` may see less than when it began.
    pub fn happenings(&self, who: &Principal, after: Option<&str>) -> (String, BoxStream<'static, LiveItem>) {
        let feed = self.inner.feed.clone();
        let latest = feed.latest.subscribe();
        let newest = *latest.borrow();
        let resumed = after.map(|id| feed.seq(id));
        let seq = resumed.flatten().unwrap_or(newest);
        let unknown = resumed == Some(None);
        let gap = unknown.then_some(LiveItem { id: None, event: LiveEvent::Gap { missed: None } });
        let now = Instant::now();
        let begin = feed.id(seq);
        let reader = Reader {
            feed,
            who: who.clone(),
            latest,
            seq,
            pace: Pace::new(now),
            looked: now,
            ready: gap.into_iter().collect(),
        };
        let revoked = self.inner.revocation.revoked(who, RequiredRight::Credential);
        (begin, stream::unfold(reader, Reader::next).take_until(Box::pin(revoked)).boxed())
    }
}

impl Reader {
    async fn next(mut self) -> Option<(LiveItem, Self)> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some((item, self));
            }
            self.wait().await?;
        }
    }

    /// Waits for something to be ready; `None` when the feed has ended.
    async fn wait(&mut self) -> Option<()> {
        let (seq, due) = (self.seq, self.pace.due());
        let sums_are_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => pending().await,
            }
        };
        let news = async {
            tokio::time::sleep_until(self.looked + GULP).await;
            self.latest.wait_for(|latest| *latest > seq).await.map(drop)
        };
        tokio::select! {
            biased;
            () = sums_are_due => self.tell_sums(),
            news = news => {
                news.ok()?;
                self.looked = Instant::now();
                let batch = self.feed.after(seq);
                self.take_in(batch);
            }
        }
        Some(())
    }

    fn take_in(&mut self, batch: Batch) {
        if batch.missed > 0 {
            self.tell_sums();
            // Who may not see everything is not told how much there is.
            let sees_all = self.who.may(Permission::McpManage) && self.who.may(Permission::GatewayRead);
            let missed = sees_all.then_some(batch.missed);
            self.ready.push_back(LiveItem { id: None, event: LiveEvent::Gap { missed } });
        }
        for entry in batch.entries {
            let Some(event) = entry.scope.shown(&entry.event, &self.who) else { continue };
            if !entry.event.is_of_calls() {
                // An id says that everything before it was told.
                self.tell_sums();
            }
            let told = self.pace.take(&event, self.looked);
            self.seq = entry.seq;
            self.ready.extend(told.map(|event| LiveItem { id: Some(self.feed.id(entry.seq)), event }));
        }
        self.seq = batch.last;
    }

    fn tell_sums(&mut self) {
        let id = self.feed.id(self.seq);
        let sums = self.pace.sums(Instant::now());
        self.ready.extend(sums.map(|event| LiveItem { id: Some(id.clone()), event }));
    }
}
