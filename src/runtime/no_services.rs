//! [`Services`] of a build without the feature `gateway`: there are none.

use std::sync::Arc;

use crate::{
    error::Result,
    events::Events,
    runtime::{Settings, assembly::Assembly},
};

/// No services.
pub(super) struct Services;

/// The methods of a gateway without services.
impl Services {
    pub(super) fn new(_base: &Assembly, _settings: &Settings, _events: &Arc<Events>) -> Self {
        Self
    }

    #[cfg(feature = "metrics")]
    pub(super) fn register(&self, _registry: &mut prometheus_client::registry::Registry) {}

    pub(super) async fn load(&self) -> Result<()> {
        Ok(())
    }

    pub(super) async fn reload(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn attend(&self, _events: &Arc<Events>) {}

    pub(super) fn stop(&self) {}
}
