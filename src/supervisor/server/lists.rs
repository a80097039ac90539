//! Lists of a server, kept up to date.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler};
use futures_util::future;
use tokio::time::Instant;

use crate::{
    mcp::Capabilities,
    model::Listing,
    supervisor::{
        list_kind::{Items, ListKind},
        messages::{ChildListed, ListsFetched},
        server::{ProcessPhase, ServerActor},
        server_instance::ServerInstance,
    },
};

/// Servers may announce changes in bursts; what comes in this time is one change.
const CHANGE_BURST: Duration = Duration::from_millis(100);

/// Least time between two reads of the lists.
const RELIST_INTERVAL: Duration = Duration::from_secs(1);

/// Time for a list to be read, beyond the one that a start waits for.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for the lists of a new process; after that, its tools are shown with the other lists of its predecessor.
const FIRST_LISTS_TIMEOUT: Duration = Duration::from_secs(1);

impl ServerActor {
    /// Fetches the lists that a process need not give to become ready.
    pub(super) fn fetch_remaining_lists(&mut self, ctx: &mut Context<Self>) {
        self.lists.due = vec![ListKind::Prompts, ListKind::Resources, ListKind::Templates];
        self.lists.is_fetching = true;
        self.relist(ctx);
        ctx.run_later(FIRST_LISTS_TIMEOUT, |actor, _| {
            if !actor.lists.complete {
                actor.publish(actor.with_previous_lists());
            }
        });
    }

    /// Reads these lists again, soon.
    pub(super) fn schedule_relist(&mut self, lists: &[ListKind], ctx: &mut Context<Self>) {
        if self.phase != ProcessPhase::Ready {
            return;
        }
        let fresh = lists.iter().filter(|list| !self.lists.due.contains(list)).copied().collect::<Vec<_>>();
        self.lists.due.extend(fresh);
        if !self.lists.is_fetching {
            self.lists.is_fetching = true;
            let rested = self.lists.last_fetch_at.map_or(RELIST_INTERVAL, |asked_at| asked_at.elapsed());
            ctx.run_later(CHANGE_BURST.max(RELIST_INTERVAL.saturating_sub(rested)), |actor, ctx| actor.relist(ctx));
        }
    }

    fn relist(&mut self, ctx: &mut Context<Self>) {
        let due = std::mem::take(&mut self.lists.due);
        self.lists.last_fetch_at = Some(Instant::now());
        let (instance, capabilities, addr) = (self.instance.clone(), self.instance.capabilities(), ctx.address());
        actix::spawn(async move {
            let fetched = future::join_all(due.into_iter().map(|list| fetch(list, &instance, &capabilities))).await;
            addr.do_send(ListsFetched(fetched.into_iter().flatten().collect()));
        });
    }

    /// Its tools, and the other lists of its predecessor.
    fn with_previous_lists(&self) -> Arc<Listing> {
        let (current, capabilities) = (self.instance.listing(), self.instance.capabilities());
        let previous = self.link.listing().unwrap_or_default();
        let previous_items = |capability: &str, items: &Items| {
            if capabilities.has(capability) { items.clone() } else { Items::default() }
        };
        Arc::new(Listing {
            prompts: previous_items("prompts", &previous.prompts),
            resources: previous_items("resources", &previous.resources),
            templates: previous_items("resources", &previous.templates),
            ..Listing::clone(&current)
        })
    }

    fn publish(&self, listing: Arc<Listing>) {
        if self.phase == ProcessPhase::Ready {
            self.supervisor.listed.do_send(ChildListed { id: self.id, generation: self.instance.generation, listing });
        }
    }
}

async fn fetch(
    list: ListKind,
    instance: &Arc<ServerInstance>,
    capabilities: &Capabilities,
) -> Option<(ListKind, Items)> {
    let items = tokio::time::timeout(LIST_TIMEOUT, list.fetch(instance, capabilities)).await.ok()?.ok()?;
    Some((list, items))
}

impl Handler<ListsFetched> for ServerActor {
    type Result = ();

    fn handle(&mut self, ListsFetched(lists): ListsFetched, ctx: &mut Context<Self>) {
        let mut listing = Listing::clone(&self.instance.listing());
        for (list, items) in lists {
            match list {
                ListKind::Tools => listing.tools = items,
                ListKind::Prompts => listing.prompts = items,
                ListKind::Resources => listing.resources = items,
                ListKind::Templates => listing.templates = items,
            }
        }
        let listing = Arc::new(listing);
        self.instance.set_listing(listing.clone());
        self.lists.is_fetching = false;
        self.lists.complete = true;
        self.publish(listing);
        if !self.lists.due.is_empty() {
            self.schedule_relist(&[], ctx);
        }
    }
}
