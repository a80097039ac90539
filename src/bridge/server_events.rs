//! What happens at all servers that a client speaks with, while it listens.

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
    bridge::{Conversation, Scope},
    error::{Error, Result},
    model::ServerId,
    policy::permission,
    runtime::Needs,
    supervisor::messages::News,
};

/// How often it is looked which servers the client may use.
const LOOK: Duration = Duration::from_secs(5);

type OfOne = Pin<Box<dyn Stream<Item = (ServerId, Option<News>)> + Send>>;

/// What happens at the servers of a conversation, one thing after the other.
pub(super) struct Tidings {
    conversation: Arc<Conversation>,
    servers: Vec<ServerId>,
    news: SelectAll<OfOne>,
    look: Interval,
    revoked: Pin<Box<dyn Future<Output = Error> + Send>>,
}

/// Something that happened.
pub(super) enum Tiding {
    /// At one server.
    Of(ServerId, News),
    /// Servers came or went, or more happened than could be told: every list may be another.
    Everything,
}

impl Tidings {
    /// From now on.
    pub fn of(conversation: &Arc<Conversation>) -> Result<Self, Arc<RawValue>> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        let revoked = Box::pin(conversation.runtime.revoked(&conversation.who, conversation.scope.needs()));
        let conversation = Arc::clone(conversation);
        let mut tidings = Self { conversation, servers: Vec::new(), news: SelectAll::new(), look, revoked };
        tidings.listen().map_err(fault::of_error)?;
        Ok(tidings)
    }

    /// The servers there are news of.
    pub fn servers(&self) -> &[ServerId] {
        &self.servers
    }

    /// The next thing that happens; `None` where the client may listen no longer.
    pub async fn next(&mut self) -> Option<Tiding> {
        loop {
            tokio::select! {
                biased;
                _ = &mut self.revoked => return None,
                Some((server, news)) = self.news.next(), if !self.news.is_empty() => {
                    return Some(news.map_or(Tiding::Everything, |news| Tiding::Of(server, news)));
                }
                _ = self.look.tick() => if self.listen().ok()? { return Some(Tiding::Everything) },
            }
        }
    }

    /// Listens to the servers there are now; answers whether they are others than before.
    fn listen(&mut self) -> Result<bool> {
        let Conversation { runtime, who, scope, .. } = &*self.conversation;
        let servers = match scope {
            Scope::One(server) => vec![runtime.offer(who, *server)?.id],
            Scope::All { .. } => runtime.offers(who)?.iter().map(|offer| offer.id).collect(),
        };
        if servers == self.servers {
            return Ok(false);
        }
        let client = self.conversation.client();
        let mut news = SelectAll::new();
        for server in &servers {
            // One that has just gone is missed at the next look.
            if let Ok(receiver) = runtime.news(who, *server, &client) {
                let revoked = runtime.revoked(who, Needs::Server(*server, permission::USES));
                news.push(stream_of(*server, receiver, revoked));
            }
        }
        (self.servers, self.news) = (servers, news);
        Ok(true)
    }
}

/// The news of one server until the right to it ends; `None` where some were lost.
fn stream_of(
    server: ServerId,
    receiver: Receiver<News>,
    revoked: impl Future<Output = Error> + Send + 'static,
) -> OfOne {
    let news = stream::unfold(receiver, move |mut receiver| async move {
        match receiver.recv().await {
            Ok(news) => Some(((server, Some(news)), receiver)),
            Err(RecvError::Lagged(_)) => Some(((server, None), receiver)),
            Err(RecvError::Closed) => None,
        }
    });
    Box::pin(news.take_until(Box::pin(revoked)))
}
