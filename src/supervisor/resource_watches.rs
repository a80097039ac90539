//! Resources with a subscription, across the processes of a server.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::mcp;

/// Resources of one server that may be watched at once.
const WATCHED_RESOURCES_MAX: usize = 1024;

/// Answer of the serving process to the subscription; `None` until it came.
pub(super) type SubscribeOutcome = Option<Result<(), Arc<RawValue>>>;

/// Every resource that is watched, and by how many.
#[derive(Default)]
pub(super) struct ResourceWatches(Mutex<BTreeMap<String, WatchedResource>>);

struct WatchedResource {
    count: usize,
    outcome: watch::Sender<SubscribeOutcome>,
}

impl ResourceWatches {
    /// Adds a watcher of `uri`; the receiver gets the answer of the process.
    pub(super) fn add(&self, uri: &str) -> Result<watch::Receiver<SubscribeOutcome>, Arc<RawValue>> {
        let mut watched = self.0.lock();
        if watched.len() >= WATCHED_RESOURCES_MAX && !watched.contains_key(uri) {
            return Err(mcp::error(
                -32603,
                &format!("more than {WATCHED_RESOURCES_MAX} resources of this server are watched"),
                None,
            ));
        }
        let one = watched
            .entry(uri.to_owned())
            .or_insert_with(|| WatchedResource { count: 0, outcome: watch::Sender::default() });
        one.count = one.count.saturating_add(1);
        Ok(one.outcome.subscribe())
    }

    /// URIs of the watched resources.
    pub(super) fn uris(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    /// Passes the answer of a process to the watchers.
    pub(super) fn settle(&self, uri: &str, outcome: Result<(), Arc<RawValue>>) {
        if let Some(watched) = self.0.lock().get(uri) {
            watched.outcome.send_replace(Some(outcome));
        }
    }

    /// Removes a watcher of `uri`.
    pub(super) fn remove(&self, uri: &str) {
        let mut watched = self.0.lock();
        let last = watched.get_mut(uri).is_some_and(|one| {
            one.count = one.count.saturating_sub(1);
            one.count == 0
        });
        if last {
            watched.remove(uri);
        }
    }
}
