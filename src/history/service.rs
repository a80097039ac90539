//! [`History`]: the service, and the work it does beside requests.

use std::sync::Arc;

use crate::{
    access::Access,
    history::{retention::CallRetention, rollups::RollupAggregator, usage_sampling},
    listings::Listings,
    policy::retention::Retention,
    recorder::Recorder,
    registry::Registry,
    store::Store,
    tasks::lifecycle::Lifecycle,
    telemetry::Telemetry,
};

/// Reads recorded calls and statistics as far as callers may see them; adds calls up, and removes old ones.
pub struct History {
    pub(super) access: Arc<Access>,
    pub(super) registry: Arc<Registry>,
    pub(super) listings: Arc<Listings>,
    pub(super) telemetry: Telemetry,
    pub(super) store: Store,
    aggregator: Arc<RollupAggregator>,
    retention: Arc<CallRetention>,
}

impl History {
    /// The history of the servers in `registry`; calls are removed as `retention` says.
    #[expect(clippy::too_many_arguments, reason = "a service's constructor names all it needs")]
    pub(crate) fn new(
        access: Arc<Access>,
        registry: Arc<Registry>,
        listings: Arc<Listings>,
        telemetry: Telemetry,
        store: Store,
        recorder: Recorder,
        lifecycle: Arc<Lifecycle>,
        retention: Retention,
    ) -> Self {
        let aggregator = RollupAggregator::new(store.clone(), recorder.clone(), lifecycle.clone());
        let retention = CallRetention::new(store.clone(), recorder, lifecycle, retention);
        let (aggregator, retention) = (Arc::new(aggregator), Arc::new(retention));
        Self { access, registry, listings, telemetry, store, aggregator, retention }
    }

    /// Adds calls up, removes old ones and samples the usage of processes, until `self` is dropped.
    /// Three tasks, so that a panic of one ends no other.
    pub(crate) fn run(self: &Arc<Self>) {
        tokio::spawn(self.aggregator.run());
        tokio::spawn(self.retention.run());
        tokio::spawn(usage_sampling::run(Arc::downgrade(&self.registry)));
    }

    /// Counts the bytes of a call that was recorded, so that old calls are removed before there are too many.
    pub(crate) fn count_recorded(&self, bytes: usize) {
        self.retention.count_recorded(bytes);
    }
}
