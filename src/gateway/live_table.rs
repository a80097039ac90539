//! [`LiveTable`]: state shared by the gateway and its actor.

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use crate::gateway::{
    clock::Clock,
    health_change::{self, InstanceHealthChange},
    table::Table,
};

/// The table of the moment, the clock of its instances, and the channel of changes to their health.
pub(super) struct LiveTable {
    pub(super) clock: Clock,
    pub(super) table: ArcSwap<Table>,
    pub(super) health_changes: broadcast::Sender<InstanceHealthChange>,
}

impl LiveTable {
    pub(super) fn new() -> Self {
        let health_changes = broadcast::Sender::new(health_change::BUFFERED_MAX);
        Self { clock: Clock::start(), table: ArcSwap::default(), health_changes }
    }
}
