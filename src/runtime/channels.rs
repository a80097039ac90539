//! What clients exchange with servers outside of requests: events, the servers' own requests, notifications, subscriptions.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};

use crate::{
    error::{Error, Result},
    mcp::{McpClient, Request},
    model::{Principal, ServerId},
    policy::permission,
    runtime::{Runtime, Watch},
    supervisor::{
        Availability,
        messages::{Asked, News},
    },
};

impl Runtime {
    /// Events of a server from now on, across restarts of its processes.
    pub fn news(&self, who: &Principal, id: ServerId, client: &McpClient) -> Result<broadcast::Receiver<News>> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.news")?;
        let process = self.inner.placement.process(who, &server, client)?;
        Ok(process.map_or_else(|| server.link.news.subscribe(), |process| process.link.news.subscribe()))
    }

    /// Requests that the server makes of `client` outside of any request, for as long as the receiver is held; `None`
    /// where its process is shared, or there is a receiver already.
    pub fn questions(
        &self,
        who: &Principal,
        id: ServerId,
        client: &McpClient,
    ) -> Result<Option<mpsc::Receiver<Asked>>> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.questions")?;
        Ok(self.inner.placement.process(who, &server, client)?.and_then(|process| process.link.questions()))
    }

    /// Has updates of a resource among a server's events for as long as the watch is held. `Ok(Err)` is the server's refusal.
    pub async fn watch_resource(
        &self,
        who: &Principal,
        id: ServerId,
        client: &McpClient,
        uri: &str,
    ) -> Result<Result<Watch, Arc<RawValue>>> {
        let server = self.inner.registry.reach(who, id, permission::EXECUTES, "resource.watch")?;
        let _work = self.inner.lifecycle.begin_work()?;
        let lease = self.inner.placement.lease(who, &server, Some(client)).await?;
        let link = lease.as_ref().map_or(&server.link, |lease| lease.link());
        let timeout = self.inner.settings.call_timeout;
        let agreed = tokio::time::timeout(timeout, link.watch_resource(uri)).await;
        let agreed = agreed.map_err(|_| Error::CallTimeout(timeout))?;
        Ok(agreed.map(|watch| Watch { _watch: watch, _lease: lease }))
    }

    /// Sends a notification of a client to its own process; nothing where it has none.
    pub fn tell(&self, who: &Principal, id: ServerId, client: &McpClient, notification: &Request) -> Result<()> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.tell")?;
        let Some(process) = self.inner.placement.process(who, &server, client)? else { return Ok(()) };
        if let Availability::Ready(instance) = &process.link.view.borrow().availability {
            instance.pass_on(notification);
        }
        Ok(())
    }

    /// Ends the processes for one session.
    pub fn end_session(&self, session: uuid::Uuid) {
        self.inner.placement.end_session(session);
    }
}
