//! The standalone stream of a session: messages that relate to no request.

use std::{collections::BTreeMap, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::Receiver,
    time::{MissedTickBehavior, interval},
};

use super::{
    list_changes::{ListChanges, ListKinds},
    notifications,
    server_events::{ScopeEvent, ScopeEvents},
    session, subscriptions,
};
use crate::{
    bridge::{ClientSender, Conversation},
    model::ServerId,
    supervisor::messages::{ServerEvent, ServerRequest},
};

/// Interval at which new processes that may send requests are looked for.
const PROCESSES_REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// Forwards server events and server requests to the session until the right to listen ends. Subscribes at once, not at
/// the first poll: a client that was sent the head of its stream misses nothing.
pub(super) fn run(conversation: Arc<Conversation>, sender: ClientSender) -> impl Future<Output = ()> + Send {
    let events = ScopeEvents::subscribe(&conversation);
    async move {
        let Ok(mut events) = events else { return };
        let mut changes = ListChanges::within(ListKinds { tools: true, prompts: true, resources: true });
        let mut server_requests = ServerRequests::default();
        let mut forwarding: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut refresh = interval(PROCESSES_REFRESH_INTERVAL);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                list = changes.next_due() => sender.notify(list, None).await,
                event = events.next() => match event {
                    Err(_) => return,
                    Ok(ScopeEvent::AnyListChanged) => changes.record_all(),
                    Ok(ScopeEvent::OfServer(_, ServerEvent::ListChanged(list))) => changes.record(list),
                    Ok(ScopeEvent::OfServer(server, event)) => {
                        forward_event(&conversation, &sender, server, &event).await;
                    }
                },
                request = server_requests.next() => {
                    forwarding.push(Box::pin(session::forward_server_request(&conversation, request, &sender)));
                }
                Some(()) = forwarding.next(), if !forwarding.is_empty() => {}
                _ = refresh.tick() => server_requests.refresh(&conversation, events.servers()),
            }
        }
    }
}

/// Forwards one event.
async fn forward_event(conversation: &Conversation, sender: &ClientSender, server: ServerId, event: &ServerEvent) {
    match event {
        ServerEvent::ListChanged(_) => {}
        ServerEvent::Logged(params) if notifications::meets_log_level(conversation, Some(params)) => {
            sender.notify("notifications/message", Some(params)).await;
        }
        ServerEvent::Logged(_) => {}
        ServerEvent::Notification { method, params } => sender.notify(method, params.as_deref()).await,
        ServerEvent::ResourceUpdated { uri, params } => {
            let subscribed: Vec<_> = {
                let watches = conversation.watches.lock();
                watches.keys().cloned().collect()
            };
            let subscribed = subscribed.iter().map(String::as_str);
            if let Some(params) = subscriptions::update(conversation, server, uri, params, subscribed) {
                sender.notify("notifications/resources/updated", Some(&params)).await;
            }
        }
    }
}

/// Server requests outside of client requests, of each process that the session has to itself.
#[derive(Default)]
struct ServerRequests {
    by_server: BTreeMap<ServerId, Receiver<ServerRequest>>,
}

impl ServerRequests {
    /// Subscribes to processes that have come, and drops those that have gone.
    fn refresh(&mut self, conversation: &Conversation, servers: &[ServerId]) {
        self.by_server.retain(|server, requests| servers.contains(server) && !requests.is_closed());
        let client = conversation.client();
        for server in servers {
            if self.by_server.contains_key(server) {
                continue;
            }
            if let Ok(Some(requests)) =
                conversation.runtime.calls().server_requests(&conversation.who, *server, &client)
            {
                self.by_server.insert(*server, requests);
            }
        }
    }

    /// The next server request; waits for one. Cancel safe.
    async fn next(&mut self) -> ServerRequest {
        poll_fn(|context| {
            for requests in self.by_server.values_mut() {
                if let Poll::Ready(Some(server_request)) = requests.poll_recv(context) {
                    return Poll::Ready(server_request);
                }
            }
            Poll::Pending
        })
        .await
    }
}
