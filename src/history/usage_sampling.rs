//! Samples the resources that servers use.

use std::{sync::Weak, time::Duration};

use crate::{registry::Registry, supervisor::UsageSampler, tasks::blocking};

/// Pause between two samples: an hour of them is shown, and one pass reads all of `/proc`.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// Samples every server until `registry` is dropped.
pub(super) async fn run(registry: Weak<Registry>) {
    let mut sampler = UsageSampler::default();
    loop {
        tokio::time::sleep(SAMPLE_INTERVAL).await;
        let Some(registry) = registry.upgrade() else { return };
        let trees: Vec<_> = registry.all().values().map(|server| server.link.trees.clone()).collect();
        drop(registry);
        let sampled = blocking(move || {
            sampler.sample(&trees);
            Ok(sampler)
        });
        sampler = sampled.await.unwrap_or_default();
    }
}
