//! Lists of a server, kept up to date.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler};
use futures_util::future;
use tokio::time::Instant;

use crate::{
    mcp::Capabilities,
    model::Listing,
    supervisor::{
        instance::Instance,
        listing::{Items, List},
        messages::{ChildListed, Listed},
        server::{Phase, ServerActor},
    },
};

/// Servers may announce changes in bursts; what comes in this time is one change.
const BURST: Duration = Duration::from_millis(100);

/// Least time between two reads of the lists.
const PACE: Duration = Duration::from_secs(1);

/// Time for a list to be read, beyond the one that a start waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for the lists of a new process; after that, its tools are shown with the other lists of its predecessor.
const FIRST: Duration = Duration::from_secs(1);

impl ServerActor {
    /// Asks a process that has just become ready for what it did not have to list for that.
    pub(super) fn list_the_rest(&mut self, ctx: &mut Context<Self>) {
        self.lists.due = vec![List::Prompts, List::Resources, List::Templates];
        self.lists.under_way = true;
        self.relist(ctx);
        ctx.run_later(FIRST, |actor, _| {
            if !actor.lists.complete {
                actor.publish(actor.with_former_lists());
            }
        });
    }

    /// Reads these lists again, soon.
    pub(super) fn relist_soon(&mut self, lists: &[List], ctx: &mut Context<Self>) {
        if self.phase != Phase::Ready {
            return;
        }
        let fresh = lists.iter().filter(|list| !self.lists.due.contains(list)).copied().collect::<Vec<_>>();
        self.lists.due.extend(fresh);
        if !self.lists.under_way {
            self.lists.under_way = true;
            let rested = self.lists.asked_at.map_or(PACE, |asked_at| asked_at.elapsed());
            ctx.run_later(BURST.max(PACE.saturating_sub(rested)), |actor, ctx| actor.relist(ctx));
        }
    }

    fn relist(&mut self, ctx: &mut Context<Self>) {
        let due = std::mem::take(&mut self.lists.due);
        self.lists.asked_at = Some(Instant::now());
        let (instance, offered, addr) = (self.instance.clone(), self.instance.offered(), ctx.address());
        actix::spawn(async move {
            let fetched = future::join_all(due.into_iter().map(|list| fetch(list, &instance, &offered))).await;
            addr.do_send(Listed(fetched.into_iter().flatten().collect()));
        });
    }

    /// Its own tools, and what is known of the other lists from before it was started.
    fn with_former_lists(&self) -> Arc<Listing> {
        let (own, offered) = (self.instance.listing(), self.instance.offered());
        let former = self.link.listing().unwrap_or_default();
        let kept =
            |capability: &str, items: &Items| if offered.has(capability) { items.clone() } else { Items::default() };
        Arc::new(Listing {
            prompts: kept("prompts", &former.prompts),
            resources: kept("resources", &former.resources),
            templates: kept("resources", &former.templates),
            ..Listing::clone(&own)
        })
    }

    fn publish(&self, listing: Arc<Listing>) {
        if self.phase == Phase::Ready {
            self.supervisor.listed.do_send(ChildListed { id: self.id, generation: self.instance.generation, listing });
        }
    }
}

async fn fetch(list: List, instance: &Arc<Instance>, offered: &Capabilities) -> Option<(List, Items)> {
    let items = tokio::time::timeout(PATIENCE, list.fetch(instance, offered)).await.ok()?.ok()?;
    Some((list, items))
}

impl Handler<Listed> for ServerActor {
    type Result = ();

    fn handle(&mut self, Listed(lists): Listed, ctx: &mut Context<Self>) {
        let mut listing = Listing::clone(&self.instance.listing());
        for (list, items) in lists {
            match list {
                List::Tools => listing.tools = items,
                List::Prompts => listing.prompts = items,
                List::Resources => listing.resources = items,
                List::Templates => listing.templates = items,
            }
        }
        let listing = Arc::new(listing);
        self.instance.set_listing(listing.clone());
        self.lists.under_way = false;
        self.lists.complete = true;
        self.publish(listing);
        if !self.lists.due.is_empty() {
            self.relist_soon(&[], ctx);
        }
    }
}
