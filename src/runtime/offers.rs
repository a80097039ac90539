//! What servers offer, as far as their owners let callers see it.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use crate::{
    error::{Error, Noun, Result},
    mcp::{Members, Request},
    model::{Catalogue, Permission, Principal, ServerId, ToolRules},
    policy::tools,
    runtime::{Client, Offer, Runtime, Watch, registry::Registered},
    supervisor::{
        Availability,
        messages::{Asked, News},
    },
};

impl Runtime {
    /// Every server `who` may use, by name, with its catalogue.
    pub fn offers(&self, who: &Principal) -> Result<Vec<Offer>> {
        self.require(who, Permission::McpRead, "server.list")?;
        let all = self.inner.registry.all();
        let mut offers: Vec<_> = all.values().filter(|server| server.is_of(who)).map(|server| server.offer()).collect();
        offers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(offers)
    }

    /// One server that `who` may use, with its catalogue.
    pub fn offer(&self, who: &Principal, id: ServerId) -> Result<Offer> {
        Ok(self.reach(who, id, Permission::McpRead, "server.tools")?.offer())
    }

    /// What a server said of itself and offers; waits for a starting one that has never said so.
    pub async fn catalogue(&self, who: &Principal, id: ServerId) -> Result<Arc<Catalogue>> {
        let server = self.reach(who, id, Permission::McpRead, "server.tools")?;
        if let Some(catalogue) = server.offered() {
            return Ok(catalogue);
        }
        self.settled(&server).await?;
        server.offered().ok_or_else(|| Error::ServerUnavailable("it has not said yet what it offers".into()))
    }

    /// Waits until a server that is starting is ready or down, as long as a call would.
    pub(super) async fn settled(&self, server: &Registered) -> Result<()> {
        let mut view = server.link.view.clone();
        let settled = view.wait_for(|view| !matches!(view.availability, Availability::Coming));
        let timeout = self.inner.settings.call_timeout;
        let Ok(settled) = tokio::time::timeout(timeout, settled).await else { return Err(Error::CallTimeout(timeout)) };
        match settled.map(|view| view.availability.clone()) {
            Ok(Availability::Ready(_)) => Ok(()),
            Ok(Availability::Down(reason)) => Err(Error::ServerUnavailable(reason)),
            Ok(Availability::Coming) | Err(_) => Err(Error::NotFound(Noun::Server)),
        }
    }

    /// What happens at a server from now on, across restarts of its processes.
    pub fn news(&self, who: &Principal, id: ServerId, _client: &Client) -> Result<broadcast::Receiver<News>> {
        self.reach(who, id, Permission::McpRead, "server.news")?;
        Ok(broadcast::Sender::new(1).subscribe())
    }

    /// What the server asks of `client` outside of any request; once for each process that is the client's alone.
    pub fn questions(&self, who: &Principal, id: ServerId, _client: &Client) -> Result<Option<mpsc::Receiver<Asked>>> {
        self.reach(who, id, Permission::McpExecute, "server.questions")?;
        Ok(None)
    }

    /// Has updates of a resource among a server's news for as long as the watch is held. `Ok(Err)` is the server's refusal.
    pub async fn watch_resource(
        &self,
        who: &Principal,
        id: ServerId,
        _client: &Client,
        _uri: &str,
    ) -> Result<Result<Watch, Arc<RawValue>>> {
        self.reach(who, id, Permission::McpExecute, "resource.watch")?;
        Ok(Ok(Watch))
    }

    /// Sends a notification of a client to the process that is its own alone; nothing where it has none.
    pub fn tell(&self, who: &Principal, id: ServerId, _client: &Client, _notification: &Request) -> Result<()> {
        self.reach(who, id, Permission::McpExecute, "server.tell")?;
        Ok(())
    }

    /// Ends the processes that were this session's alone.
    pub fn end_session(&self, _session: Uuid) {}
}

impl Registered {
    fn offer(&self) -> Offer {
        let server = self.server.load();
        Offer {
            id: self.id,
            name: server.config.name.clone(),
            catalogue: self.offered(),
            is_up: matches!(self.link.view.borrow().availability, Availability::Ready(_)),
            isolation: server.config.isolation,
            descriptions: server.config.tools.descriptions.clone(),
        }
    }

    /// What it listed last, as far as callers may see it.
    pub(super) fn offered(&self) -> Option<Arc<Catalogue>> {
        let server = self.server.load();
        let instance = match &self.link.view.borrow().availability {
            Availability::Ready(instance) => instance.clone(),
            Availability::Coming | Availability::Down(_) => return None,
        };
        let tools = Arc::new(permitted(&server.config.tools, &instance.tools()));
        Some(Arc::new(Catalogue { version: crate::mcp::LATEST_LEGACY.into(), tools, ..Catalogue::default() }))
    }

    /// The result of a `tools/list` without the tools that callers may not see; as it came where they may see all.
    pub(super) fn permitted(&self, result: Arc<RawValue>) -> Arc<RawValue> {
        let server = self.server.load();
        let rules = &server.config.tools;
        if tools::permit_all(rules) {
            return result;
        }
        let Ok(mut members) = Members::parse(&result) else { return result };
        let listed = members.get("tools").and_then(|list| serde_json::from_str::<Vec<Box<RawValue>>>(list.get()).ok());
        let listed: Vec<Arc<RawValue>> = listed.unwrap_or_default().into_iter().map(Arc::from).collect();
        if let Ok(list) = serde_json::value::to_raw_value(&permitted(rules, &listed)) {
            members.set("tools", Arc::from(list));
        }
        Arc::from(members.to_raw())
    }
}

/// Those of the tools that callers may see.
pub(super) fn permitted(rules: &ToolRules, listed: &[Arc<RawValue>]) -> Vec<Arc<RawValue>> {
    let name = |tool: &RawValue| Members::parse(tool).ok().and_then(|members| members.text("name"));
    let may_see = |tool: &&Arc<RawValue>| name(tool).is_some_and(|name| tools::permit(rules, &name));
    listed.iter().filter(may_see).cloned().collect()
}
