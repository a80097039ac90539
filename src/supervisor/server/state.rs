//! State of a server's actor: lists, watched resources, and requests of the server.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::supervisor::listing::List;

/// Lists that are out of date.
#[derive(Default)]
pub(super) struct Lists {
    pub due: Vec<List>,
    /// They are being asked for, or will be by and by.
    pub under_way: bool,
    pub asked_at: Option<Instant>,
    /// True once every list was read or could not be read.
    pub complete: bool,
}

/// Subscriptions to updates of resources and lists at a process.
#[derive(Default)]
pub(super) struct Listening {
    /// Watched resources; true for each that the process agreed to.
    pub resources: BTreeMap<String, bool>,
    /// Newer era: the last `subscriptions/listen` sent.
    pub newest: Option<u64>,
    /// The one that counts: the last that was acknowledged.
    pub active: Option<u64>,
    /// The stream was cut off, and changes may have been missed since.
    pub missed: bool,
    /// Why the process tells nothing.
    pub refusal: Option<Arc<RawValue>>,
}

impl Listening {
    /// True when events of this subscription count; those of an older one have come, or will come, twice.
    pub fn is_heard(&self, subscription: &RawValue) -> bool {
        subscription.get().parse().is_ok_and(|id| self.active.or(self.newest) == Some(id))
    }

    pub fn is_ours(&self, id: u64) -> bool {
        [self.newest, self.active].contains(&Some(id))
    }
}

/// The questions that are open, by the ids the server gave them: which of that id, and its method.
pub(super) type OpenQuestions = HashMap<Box<str>, (Arc<RawValue>, String)>;
