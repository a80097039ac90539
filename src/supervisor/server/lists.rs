//! Lists of a server, kept up to date.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler};
use futures_util::future;
use tokio::time::Instant;

use crate::{
    mcp::Capabilities,
    model::{Listing, TimelineLevel},
    policy::payload,
    supervisor::{
        exit::Exit,
        list_kind::{Items, ListKind},
        messages::{ChildListed, ListsFetched},
        server::{ProcessPhase, ServerActor},
        server_instance::ServerInstance,
    },
};

/// Servers may announce changes in bursts; what comes in this time is one change.
const CHANGE_BURST: Duration = Duration::from_millis(100);

/// Least time between two reads of the lists; MCP's conformance suite waits 1.5 s for a change that follows another.
const RELIST_INTERVAL: Duration = Duration::from_millis(500);

/// Time for a list to be read, beyond the one that a start waits for.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Pauses before lists that could not be read are read again: the first, and the longest. It doubles each time.
const FAILED_LIST_PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

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
            addr.do_send(ListsFetched(fetched));
        });
    }

    /// Its tools, and the other lists of its predecessor.
    fn with_previous_lists(&self) -> Arc<Listing> {
        let (current, capabilities) = (self.instance.listing(), self.instance.capabilities());
        let previous = self.link.listing().unwrap_or_default();
        let previous_items = |capability: &str, items: &Items| {
            if capabilities.may_list(capability) { items.clone() } else { Items::default() }
        };
        Arc::new(Listing {
            prompts: previous_items("prompts", &previous.prompts),
            resources: previous_items("resources", &previous.resources),
            templates: previous_items("resources", &previous.templates),
            ..Listing::clone(&current)
        })
    }

    /// Shows that a list could not be read; what was read before stays.
    pub(super) fn note_list_failure(&mut self, list: ListKind, failure: &Exit) {
        // The end of the output is dealt with where it is seen.
        if matches!(failure, Exit::ClosedOutput) {
            return;
        }
        let reason = if let Exit::NotReady(reason) | Exit::Unreachable(reason) = failure {
            reason.clone()
        } else {
            failure.to_string()
        };
        let reason = payload::reason(&self.link.output.masked(&reason));
        let failures = &mut self.lists.failures;
        if !failures.contains(&(list, reason.clone())) {
            log::warn!(server:% = self.id, reason = reason.as_str(); "a list could not be read");
            self.link.add_note(TimelineLevel::Warn, &reason);
        }
        failures.retain(|(failed, _)| *failed != list);
        failures.push((list, reason));
        self.show_list_failures();
    }

    fn show_list_failures(&self) {
        let reasons: Vec<_> = self.lists.failures.iter().map(|(_, reason)| reason.as_str()).collect();
        self.instance.set_fault((!reasons.is_empty()).then(|| reasons.join("; ")));
    }

    /// Reads the lists that could not be read again by and by.
    fn retry_failed_lists(&mut self, ctx: &mut Context<Self>) {
        if self.lists.failures.is_empty() {
            self.lists.failed_reads = 0;
            return;
        }
        let (first, longest) = FAILED_LIST_PAUSES;
        let pause = first.saturating_mul(1 << self.lists.failed_reads.min(16)).min(longest);
        self.lists.failed_reads = self.lists.failed_reads.saturating_add(1);
        let retry = ctx.run_later(pause, |actor, ctx| {
            let failed: Vec<_> = actor.lists.failures.iter().map(|(list, _)| *list).collect();
            actor.schedule_relist(&failed, ctx);
        });
        self.lists.retry.replace(retry).map(|before| ctx.cancel_future(before));
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
) -> (ListKind, Result<Items, Exit>) {
    let items = tokio::time::timeout(LIST_TIMEOUT, list.fetch(instance, capabilities)).await;
    (list, items.unwrap_or_else(|_| Err(list.not_answered(LIST_TIMEOUT))))
}

impl Handler<ListsFetched> for ServerActor {
    type Result = ();

    fn handle(&mut self, ListsFetched(lists): ListsFetched, ctx: &mut Context<Self>) {
        let mut listing = Listing::clone(&self.instance.listing());
        for (list, outcome) in lists {
            let items = match outcome {
                Ok(items) => items,
                Err(failure) => {
                    self.note_list_failure(list, &failure);
                    continue;
                }
            };
            self.lists.failures.retain(|(failed, _)| *failed != list);
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
        self.show_list_failures();
        self.retry_failed_lists(ctx);
        if !self.lists.due.is_empty() {
            self.schedule_relist(&[], ctx);
        }
    }
}
