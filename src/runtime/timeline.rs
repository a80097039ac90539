//! The timelines of servers: reading them, their beginning and their end.

use crate::{
    error::Result,
    model::{Page, PageRequest, Principal, ServerId, TimelineFilter, TimelineItem},
    policy::permission,
    runtime::Runtime,
    tasks::blocking,
};

impl Runtime {
    /// What a server wrote on standard error, what Ostler says about it and what was called, newest first, as far as it is
    /// kept. What happened within the last tenth of a second may be missing yet; a page may be short and have a cursor.
    pub async fn timeline(
        &self,
        who: &Principal,
        id: ServerId,
        filter: TimelineFilter,
        page: PageRequest,
    ) -> Result<Page<TimelineItem>> {
        self.inner.registry.reach(who, id, permission::READS, "server.timeline")?;
        let timeline = self.inner.timeline.clone();
        blocking(move || timeline.page(id, &filter, &page)).await
    }

    /// Begins to write, once every server is registered.
    pub(super) async fn begin_timeline(&self) -> Result<()> {
        let timeline = self.inner.timeline.clone();
        blocking(move || timeline.begin()).await
    }

    /// Writes what waits.
    pub(super) async fn end_timeline(&self) {
        let timeline = self.inner.timeline.clone();
        let ended = blocking(move || {
            timeline.stop();
            Ok(())
        });
        // It does not fail.
        let _ = ended.await;
    }
}
