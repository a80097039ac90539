//! [`Link`]: state, output and events of a child; it outlives the child's processes, and a supervisor.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc, watch};

use crate::{
    model::{Listing, TimelineLevel},
    policy::payload,
    supervisor::{
        child_view::{Availability, ChildView},
        messages::{ServerEvent, ServerRequest},
        output::Output,
        resource_watches::ResourceWatches,
        server_request_queue::ServerRequestQueue,
        usage::ProcessTrees,
    },
    timeline::Log,
};

/// Events that may wait for a slow receiver; the oldest is lost then.
const EVENT_BACKLOG: usize = 64;

/// Longest note of Ostler about a server, in bytes.
const NOTE_BYTES_MAX: usize = 4096;

/// A child as others see it; cheap to clone.
#[derive(Clone)]
pub struct Link {
    /// Its state.
    pub view: watch::Receiver<ChildView>,
    /// Its standard error.
    pub output: Arc<Output>,
    /// Its processes, and what they use.
    pub trees: Arc<ProcessTrees>,
    /// Its timeline.
    pub log: Log,
    /// Its events that belong to no request.
    pub server_events: broadcast::Sender<ServerEvent>,
    /// True once a process of the server made plain that `server/discover` leads nowhere: the next one need not wait
    /// for that again.
    pub skips_discovery: Arc<AtomicBool>,
    pub(super) publisher: watch::Sender<ChildView>,
    pub(super) server_requests: Arc<ServerRequestQueue>,
    pub(super) watches: Arc<ResourceWatches>,
    listing: watch::Sender<Option<Arc<Listing>>>,
}

/// A subscription to updates of a resource; dropping it ends it.
pub struct ResourceWatch {
    link: Link,
    uri: String,
}

impl Drop for ResourceWatch {
    fn drop(&mut self) {
        self.link.watches.remove(&self.uri);
        self.link.sync_watches();
    }
}

impl Default for Link {
    /// The link of a child that never ran.
    fn default() -> Self {
        let (publisher, view) = watch::channel(ChildView::unknown());
        let server_events = broadcast::Sender::new(EVENT_BACKLOG);
        let (output, trees, log, server_requests, watches, listing, skips_discovery) = Default::default();
        Self { view, output, trees, log, server_events, skips_discovery, publisher, server_requests, watches, listing }
    }
}

impl Link {
    /// The link of a child that never ran and has this timeline.
    #[must_use]
    pub fn logged(log: Log) -> Self {
        Self { output: Arc::new(Output::logged(log.clone())), log, ..Self::default() }
    }

    /// Says something on the child's timeline, secrets masked.
    pub fn add_note(&self, level: TimelineLevel, text: &str) {
        // Masked first: the beginning of a secret that is cut would not be known for one.
        let masked = self.output.masked(text);
        self.log.ostler(level, payload::beginning(&masked, NOTE_BYTES_MAX));
    }

    /// Sets the listing that the server had in an earlier run.
    #[must_use]
    pub fn with_listing(self, listing: Arc<Listing>) -> Self {
        self.skips_discovery.store(listing.skips_discovery, Ordering::Relaxed);
        self.listing.send_replace(Some(listing));
        self
    }

    /// The last listing of the server; `None` where it never had one.
    #[must_use]
    pub fn listing(&self) -> Option<Arc<Listing>> {
        self.listing.borrow().clone()
    }

    /// The listing, to wait for changes.
    #[must_use]
    pub fn listings(&self) -> watch::Receiver<Option<Arc<Listing>>> {
        self.listing.subscribe()
    }

    /// Requests of the server outside of any request; `None` while another reader holds the receiver.
    ///
    /// A few requests wait for a reader; those that are not taken before the process ends are refused.
    #[must_use]
    pub fn take_server_requests(&self) -> Option<mpsc::Receiver<ServerRequest>> {
        self.server_requests.take()
    }

    /// Has updates of a resource among the server's events for as long as the watch is held, whatever process serves;
    /// waits until the process that serves now has agreed, and answers the JSON-RPC error object of one that refused.
    pub async fn watch_resource(&self, uri: &str) -> Result<ResourceWatch, Arc<RawValue>> {
        let mut outcome = self.watches.add(uri)?;
        let watch = ResourceWatch { link: self.clone(), uri: uri.to_owned() };
        let mut view = self.view.clone();
        self.sync_watches();
        let unserved = view.wait_for(|view| !matches!(view.availability, Availability::Ready(_)));
        tokio::select! {
            biased;
            settled = outcome.wait_for(Option::is_some) => match settled.ok().and_then(|settled| settled.clone()) {
                Some(Err(refusal)) => Err(refusal),
                Some(Ok(())) | None => Ok(watch),
            },
            // The next process gets the subscription when it is ready.
            _ = unserved => Ok(watch),
        }
    }

    /// Has the process that serves now subscribe to the watched resources.
    pub(super) fn sync_watches(&self) {
        if let Availability::Ready(instance) = &self.view.borrow().availability {
            instance.notify_watches_changed();
        }
    }

    /// Shows a new listing, and says which lists are others; false where nothing is.
    pub(super) fn publish_listing(&self, listing: &Arc<Listing>) -> bool {
        let before = self.listing.send_replace(Some(listing.clone()));
        let was = before.as_deref().cloned().unwrap_or_default();
        let changes = [
            ("tools", !is_same_list(&was.tools, &listing.tools)),
            ("prompts", !is_same_list(&was.prompts, &listing.prompts)),
            (
                "resources",
                !is_same_list(&was.resources, &listing.resources) || !is_same_list(&was.templates, &listing.templates),
            ),
        ];
        for (list, _) in changes.iter().filter(|(_, changed)| *changed) {
            // There may be no receiver.
            let _ = self.server_events.send(ServerEvent::ListChanged(list));
        }
        let greeted = (&was.version, was.skips_discovery, was.greeting.get())
            != (&listing.version, listing.skips_discovery, listing.greeting.get());
        greeted || before.is_none() || changes.iter().any(|(_, changed)| *changed)
    }
}

fn is_same_list(one: &[Arc<RawValue>], other: &[Arc<RawValue>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.get() == other.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(tools: &[&str]) -> Arc<Listing> {
        let tool = |text: &&str| Arc::from(RawValue::from_string((*text).to_owned()).unwrap());
        Arc::new(Listing { tools: Arc::new(tools.iter().map(tool).collect()), ..Listing::default() })
    }

    #[test]
    fn an_unchanged_list_is_no_event() {
        let link = Link::default().with_listing(listing(&["1"]));
        let mut server_events = link.server_events.subscribe();
        assert!(!link.publish_listing(&listing(&["1"])));
        assert!(link.publish_listing(&listing(&["1", "2"])));
        assert!(matches!(server_events.try_recv(), Ok(ServerEvent::ListChanged("tools"))));
        assert!(server_events.try_recv().is_err());
        assert_eq!(link.listing().unwrap().tools.len(), 2);
    }

    #[test]
    fn the_first_listing_is_a_change_even_if_empty() {
        let link = Link::default();
        assert!(link.listing().is_none() && link.publish_listing(&listing(&[])));
        assert!(!link.publish_listing(&listing(&[])));
    }
}
