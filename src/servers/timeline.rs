//! Reads the timelines of servers.

use crate::{
    error::Result,
    model::{Page, PageRequest, Principal, ServerId, TimelineFilter, TimelineItem},
    policy::permission,
    servers::service::Servers,
    tasks::blocking,
};

impl Servers {
    /// What a server wrote on standard error, what Ostler says about it and what was called, newest first, as far as it is
    /// kept. What happened within the last tenth of a second may be missing yet; a page may be short and have a cursor.
    pub async fn timeline(
        &self,
        who: &Principal,
        id: ServerId,
        filter: TimelineFilter,
        page: PageRequest,
    ) -> Result<Page<TimelineItem>> {
        self.registry.reach(who, id, permission::READS, "server.timeline")?;
        let timeline = self.timeline.clone();
        blocking(move || timeline.page(id, &filter, &page)).await
    }
}
