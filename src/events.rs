//! Live events: published by those who cause them, read by each subscriber as far as they may see them.
//!
//! Knows nothing of who publishes. Memory is bounded: a slow reader misses events rather than slowing anything down.
//!
//! The ring keeps 512 calls and 512 other events, half a mebibyte each. The audience of an event is decided when a
//! reader takes it: an event holds its server weakly, and the registry says at that moment who may read it. Calls past
//! 20 a second are summed twice: by server before the ring, by reader after it. A reader has a number and no queue; a
//! slow one gets a gap.

mod audience;
mod call_sampler;
mod call_sum;
mod event;
mod feed;
mod reader;
mod reader_sampler;
mod ring;

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::{sync::Notify, time::Instant};

use crate::{
    model::{Principal, ServerId, UserId},
    policy::payload,
    registry::{Registered, Registry},
    revocation::{RequiredRight, Revocation},
    tasks::lifecycle::Lifecycle,
};

use audience::Audience;
use call_sampler::{CallDelivery, CallSampler};
use call_sum::SAMPLE_WINDOW;
use feed::Feed;

pub use event::{LiveEvent, LiveItem, ServerChangeKind, ServiceChangeKind};

/// Bytes of a text in an event: the call's record has the whole of it.
const TEXT_BYTES_MAX: usize = 500;

/// The live events of this run, and their subscribers.
pub struct Events {
    registry: Arc<Registry>,
    revocation: Arc<Revocation>,
    feed: Arc<Feed>,
    sampler: CallSampler,
    lifecycle: Arc<Lifecycle>,
    /// Wakes [`Events::run`]; apart, so that waiting does not keep the events alive.
    sum_begun: Arc<Notify>,
}

impl Events {
    /// No events yet; about servers in `registry`, for subscribers until their rights end by `revocation`, or
    /// `lifecycle` drains.
    pub(crate) fn new(registry: Arc<Registry>, revocation: Arc<Revocation>, lifecycle: Arc<Lifecycle>) -> Self {
        let (feed, sampler, sum_begun) = (Arc::default(), CallSampler::default(), Arc::default());
        Self { registry, revocation, feed, sampler, lifecycle, sum_begun }
    }

    /// Publishes sums of calls that were not published one by one, a second after each began, until `self` is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let (events, sum_begun) = (Arc::downgrade(self), self.sum_begun.clone());
        async move {
            loop {
                sum_begun.notified().await;
                tokio::time::sleep(SAMPLE_WINDOW).await;
                let Some(events) = events.upgrade() else { return };
                events.publish_sums();
            }
        }
    }

    /// Subscribes `who` to events from now on, or after the event of the id `after`, as far as they may see them:
    /// servers and calls of their own and of those shared with them, all of them with `mcp:manage`, services with
    /// `gateway:read`. Returns the id at which the subscription begins.
    ///
    /// A reader that is too slow, or resumes too late, gets [`LiveEvent::Gap`] in place of what is gone. The stream
    /// ends when `who` may see less than when it began, and with what was published before the runtime begins to stop.
    pub fn subscribe(&self, who: &Principal, after: Option<&str>) -> (String, BoxStream<'static, LiveItem>) {
        let end = Box::pin(self.lifecycle.draining());
        let (begin, items) = reader::read(self.feed.clone(), who.clone(), after, end);
        let revoked = Box::pin(self.revocation.revoked(who, RequiredRight::Credential));
        (begin, items.take_until(revoked).boxed())
    }

    /// Events for `who` from now on, as [`Events::subscribe`] gives them, for readers that resume nothing.
    ///
    /// ```no_run
    /// # async fn watch(runtime: ostler::Runtime) {
    /// use ostler::{events::LiveEvent, futures_util::StreamExt};
    ///
    /// let mut events = runtime.events().follow(runtime.embedder());
    /// while let Some(event) = events.next().await {
    ///     if let LiveEvent::Call { .. } = event {
    ///         println!("{event:?}");
    ///     }
    /// }
    /// // The runtime stops.
    /// # }
    /// ```
    #[must_use]
    pub fn follow(&self, who: &Principal) -> BoxStream<'static, LiveEvent> {
        self.subscribe(who, None).1.map(|item| item.event).boxed()
    }

    /// Publishes that a server was registered or reconfigured, or is in another state.
    pub(crate) fn publish_server_change(&self, server: &Arc<Registered>, change: ServerChangeKind) {
        self.push_for(server, LiveEvent::of_server(server, change));
    }

    /// Publishes a change of a server to one user alone: what was shared with them is another.
    pub(crate) fn publish_server_change_to(&self, server: &Arc<Registered>, user: UserId, change: ServerChangeKind) {
        self.feed.push(Audience::Users(vec![user]), LiveEvent::of_server(server, change));
    }

    /// Publishes to those who could see a server that it is removed.
    pub(crate) fn publish_server_removal(&self, server: &Arc<Registered>) {
        let shares = server.shares.load();
        let owner = server.server.load().user_id;
        let users = shares.iter().map(|share| share.user_id).chain([owner]).collect();
        self.feed.push(Audience::Users(users), LiveEvent::of_server(server, ServerChangeKind::Deleted));
        self.sampler.forget(server.id);
    }

    /// Publishes an event about a server; drops it where the server is removed.
    pub(crate) fn publish_about_server(&self, id: ServerId, event: LiveEvent) {
        if let Some(server) = self.registry.get(id) {
            self.push_for(&server, event);
        }
    }

    /// Publishes that a service was registered, changed or removed, or one of its instances was changed.
    pub(crate) fn publish_service_change(&self, service: &str, change: ServiceChangeKind, instance: Option<String>) {
        let event = LiveEvent::Gateway { service: service.to_owned(), change, instance, healthy: None };
        self.feed.push(Audience::Gateway, event);
    }

    /// Publishes that the health of an instance changed.
    pub(crate) fn publish_instance_health(&self, service: String, instance: String, is_healthy: bool) {
        let change = ServiceChangeKind::Health;
        let event = LiveEvent::Gateway { service, change, instance: Some(instance), healthy: Some(is_healthy) };
        self.feed.push(Audience::Gateway, event);
    }

    /// Publishes a call, or counts it where its server has many just now; `event` is made only if it is published.
    pub(crate) fn publish_call(&self, server: &Arc<Registered>, success: bool, event: impl FnOnce() -> LiveEvent) {
        let is_registered = || self.registry.get(server.id).is_some();
        match self.sampler.count(server.id, Instant::now(), success, is_registered) {
            CallDelivery::Single => self.push_for(server, event()),
            CallDelivery::Summed => {}
            CallDelivery::BeginsSum => self.sum_begun.notify_one(),
        }
    }

    fn publish_sums(&self) {
        for (server, sum) in self.sampler.take_sums(Instant::now()) {
            self.publish_about_server(server, sum.event(server));
        }
    }

    fn push_for(&self, server: &Arc<Registered>, event: LiveEvent) {
        self.feed.push(Audience::Server(Arc::downgrade(server)), event);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // So that `run` ends.
        self.sum_begun.notify_one();
    }
}

/// A text as events carry it, cut where it is long.
pub(crate) fn short_text(text: &str) -> String {
    payload::shortened(text, TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short_text("short"), "short");
        assert_eq!(short_text(&"ä".repeat(300)), format!("{}…", "ä".repeat(250)));
    }
}
