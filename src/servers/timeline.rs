//! Reads the timelines of servers.

use crate::{
    error::Result,
    model::{Page, PageRequest, Principal, ServerId, TimelineFilter, TimelineItem},
    policy::permission,
    servers::service::Servers,
    tasks::blocking,
};

impl Servers {
    /// Standard error of a server, notes of Ostler about it and its calls, newest first, as far as they are kept. Items
    /// of the last tenth of a second may be missing yet; a page may be short and have a cursor.
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
