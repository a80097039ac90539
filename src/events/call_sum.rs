//! [`CallSum`]: calls that are counted rather than delivered one by one.

use std::time::Duration;

use crate::{events::event::LiveEvent, model::ServerId};

/// Time over which calls are counted: a reader sees every second how many there were.
pub(super) const SAMPLE_WINDOW: Duration = Duration::from_secs(1);

/// Calls within a window that are delivered one by one: about as many as a person can follow.
pub(super) const SINGLE_CALLS_MAX: u32 = 20;

/// Calls of a server that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallSum {
    pub count: u64,
    pub errors: u64,
    pub over: Duration,
}

impl CallSum {
    /// The event that stands for them.
    pub(super) fn event(self, server_id: ServerId) -> LiveEvent {
        let since_ms = u64::try_from(self.over.as_millis()).unwrap_or(u64::MAX);
        LiveEvent::Calls { server_id, count: self.count, errors: self.errors, since_ms }
    }
}
