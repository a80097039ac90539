//! State of a server's actor: lists, watched resources, and requests of the server.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use actix::SpawnHandle;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::supervisor::list_kind::ListKind;

/// Lists that are out of date.
#[derive(Default)]
pub(super) struct ListState {
    pub due: Vec<ListKind>,
    /// True while they are being fetched, or are scheduled to be.
    pub is_fetching: bool,
    pub last_fetch_at: Option<Instant>,
    /// True once every list was read or could not be read.
    pub complete: bool,
    /// Lists that could not be read the last time, and the reasons.
    pub failures: Vec<(ListKind, String)>,
    /// Reads in a row after which there were such.
    pub failed_reads: u32,
    /// The next read of those lists.
    pub retry: Option<SpawnHandle>,
}

/// Subscriptions to updates of resources and lists at a process.
#[derive(Default)]
pub(super) struct Subscriptions {
    /// Watched resources; true for each that the process agreed to.
    pub resources: BTreeMap<String, bool>,
    /// Modern era: the last `subscriptions/listen` sent.
    pub newest: Option<u64>,
    /// The one that counts: the last that was acknowledged.
    pub active: Option<u64>,
    /// The stream was cut off, and changes may have been missed since.
    pub may_have_missed: bool,
    /// Reason why the process sends no updates.
    pub refusal: Option<Arc<RawValue>>,
}

impl Subscriptions {
    /// True when events of this subscription count; those of an older one have come, or will come, twice.
    pub(super) fn is_current(&self, subscription: &RawValue) -> bool {
        subscription.get().parse().is_ok_and(|id| self.active.or(self.newest) == Some(id))
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        [self.newest, self.active].contains(&Some(id))
    }
}

/// Open requests of the server by their ids: which of that id, and its method.
pub(super) type OpenServerRequests = HashMap<Box<str>, (Arc<RawValue>, String)>;
