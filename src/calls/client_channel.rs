//! Exchange of clients with servers outside of requests: events, the servers' own requests, notifications,
//! subscriptions.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};

use crate::{
    calls::service::Calls,
    error::{Error, Result},
    mcp::{McpClient, Request},
    model::{Principal, ServerId},
    placement::Lease,
    policy::permission,
    supervisor::{
        Availability, ResourceWatch,
        messages::{ServerEvent, ServerRequest},
    },
};

/// A subscription to updates of a resource; dropping it ends it.
pub struct ResourceSubscription {
    _watch: ResourceWatch,
    _lease: Option<Lease>,
}

impl Calls {
    /// Events of a server from now on, across restarts of its processes.
    pub fn server_events(
        &self,
        who: &Principal,
        id: ServerId,
        client: &McpClient,
    ) -> Result<broadcast::Receiver<ServerEvent>> {
        let server = self.registry.reach(who, id, permission::USES, "server.news")?;
        let process = self.placement.process(who, &server, client)?;
        Ok(process
            .map_or_else(|| server.link.server_events.subscribe(), |process| process.link.server_events.subscribe()))
    }

    /// Requests that the server makes of `client` outside of any request, for as long as the receiver is held; `None`
    /// where its process is shared, or there is a receiver already.
    pub fn server_requests(
        &self,
        who: &Principal,
        id: ServerId,
        client: &McpClient,
    ) -> Result<Option<mpsc::Receiver<ServerRequest>>> {
        let server = self.registry.reach(who, id, permission::USES, "server.questions")?;
        Ok(self.placement.process(who, &server, client)?.and_then(|process| process.link.take_server_requests()))
    }

    /// Has updates of a resource among a server's events for as long as the subscription is held. `Ok(Err)` is the
    /// server's refusal.
    pub async fn subscribe(
        &self,
        who: &Principal,
        id: ServerId,
        client: &McpClient,
        uri: &str,
    ) -> Result<Result<ResourceSubscription, Arc<RawValue>>> {
        let server = self.registry.reach(who, id, permission::EXECUTES, "resource.watch")?;
        let _work = self.lifecycle.begin_work()?;
        let lease = self.placement.lease(who, &server, Some(client)).await?;
        let link = lease.as_ref().map_or(&server.link, |lease| lease.link());
        let timeout = self.default_timeout;
        let agreed = tokio::time::timeout(timeout, link.watch_resource(uri)).await;
        let agreed = agreed.map_err(|_| Error::CallTimeout(timeout))?;
        Ok(agreed.map(|watch| ResourceSubscription { _watch: watch, _lease: lease }))
    }

    /// Sends a notification of a client to its own process; nothing where it has none.
    pub fn notify(&self, who: &Principal, id: ServerId, client: &McpClient, notification: &Request) -> Result<()> {
        let server = self.registry.reach(who, id, permission::USES, "server.tell")?;
        let Some(process) = self.placement.process(who, &server, client)? else { return Ok(()) };
        if let Availability::Ready(instance) = &process.link.view.borrow().availability {
            instance.forward_notification(notification);
        }
        Ok(())
    }
}
