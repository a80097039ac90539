//! The events of every server in a client's scope, while it listens.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{
    Stream, StreamExt,
    stream::{self, SelectAll},
};
use serde_json::value::RawValue;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval},
};

use super::fault;
use crate::{
    bridge::{Conversation, ServerScope},
    error::{Error, Result},
    model::ServerId,
    policy::permission,
    revocation::RequiredRight,
    supervisor::messages::ServerEvent,
};

/// Interval at which servers that came or went are looked for.
const SERVERS_REFRESH_INTERVAL: Duration = Duration::from_secs(5);

type EventsOfOne = Pin<Box<dyn Stream<Item = (ServerId, Option<ServerEvent>)> + Send>>;

/// A stream of the events of every server in the scope of a conversation.
pub(super) struct ScopeEvents {
    conversation: Arc<Conversation>,
    servers: Vec<ServerId>,
    streams: SelectAll<EventsOfOne>,
    refresh: Interval,
    revoked: Pin<Box<dyn Future<Output = Error> + Send>>,
}

/// An event in the scope of a client.
pub(super) enum ScopeEvent {
    /// An event of one server.
    OfServer(ServerId, ServerEvent),
    /// Servers came or went, or events were lost: any list may have changed.
    AnyListChanged,
}

impl ScopeEvents {
    /// Subscribes from now on.
    pub(super) fn subscribe(conversation: &Arc<Conversation>) -> Result<Self, Arc<RawValue>> {
        let mut refresh = interval(SERVERS_REFRESH_INTERVAL);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        refresh.reset();
        let revoked =
            Box::pin(conversation.runtime.revocation().revoked(&conversation.who, conversation.scope.needs()));
        let conversation = Arc::clone(conversation);
        let mut events = Self { conversation, servers: Vec::new(), streams: SelectAll::new(), refresh, revoked };
        events.resubscribe().map_err(fault::of_error)?;
        Ok(events)
    }

    /// The servers that are subscribed to.
    pub(super) fn servers(&self) -> &[ServerId] {
        &self.servers
    }

    /// The next event; fails once the client may listen no longer.
    pub(super) async fn next(&mut self) -> Result<ScopeEvent> {
        loop {
            tokio::select! {
                biased;
                error = &mut self.revoked => return Err(error),
                Some((server, event)) = self.streams.next(), if !self.streams.is_empty() => {
                    return Ok(event.map_or(ScopeEvent::AnyListChanged, |event| ScopeEvent::OfServer(server, event)));
                }
                _ = self.refresh.tick() => if self.resubscribe()? { return Ok(ScopeEvent::AnyListChanged) },
            }
        }
    }

    /// Subscribes to the servers there are now; `true` where they have changed.
    fn resubscribe(&mut self) -> Result<bool> {
        let Conversation { runtime, who, scope, .. } = &*self.conversation;
        let servers = match scope {
            ServerScope::One(server) => vec![runtime.listings().server(who, *server)?.id],
            ServerScope::All { .. } => runtime.listings().servers(who)?.iter().map(|listed| listed.id).collect(),
        };
        if servers == self.servers {
            return Ok(false);
        }
        let client = self.conversation.client();
        let mut streams = SelectAll::new();
        for server in &servers {
            // One that has just gone is missed at the next look.
            if let Ok(receiver) = runtime.calls().server_events(who, *server, &client) {
                let revoked = runtime.revocation().revoked(who, RequiredRight::Server(*server, permission::USES));
                streams.push(stream_of(*server, receiver, revoked));
            }
        }
        (self.servers, self.streams) = (servers, streams);
        Ok(true)
    }
}

/// The events of one server until the right to it ends; `None` stands for events that were lost.
fn stream_of(
    server: ServerId,
    receiver: Receiver<ServerEvent>,
    revoked: impl Future<Output = Error> + Send + 'static,
) -> EventsOfOne {
    let events = stream::unfold(receiver, move |mut receiver| async move {
        match receiver.recv().await {
            Ok(event) => Some(((server, Some(event)), receiver)),
            Err(RecvError::Lagged(_)) => Some(((server, None), receiver)),
            Err(RecvError::Closed) => None,
        }
    });
    Box::pin(events.take_until(Box::pin(revoked)))
}
