//! The standalone stream of a session: what is about no request, and what servers ask outside of any.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::Receiver,
    time::{MissedTickBehavior, interval},
};

use super::{
    list_changes::{Changes, Lists},
    notifications,
    server_events::{Tiding, Tidings},
    session, subscriptions,
};
use crate::{
    bridge::{Conversation, Outlet},
    model::ServerId,
    supervisor::messages::{Asked, News},
};

/// How often it is looked whether a server has a new process that may ask.
const LOOK: Duration = Duration::from_secs(2);

/// Tells a session what happens, and asks it what servers ask. Listens from now on, not from
/// the first poll: whoever was answered that the stream is open misses nothing.
pub(super) fn follow(conversation: Arc<Conversation>, outlet: Outlet) -> impl Future<Output = ()> + Send {
    let tidings = Tidings::of(&conversation);
    async move {
        let Ok(mut tidings) = tidings else { return };
        let mut changes = Changes::among(Lists { tools: true, prompts: true, resources: true });
        let mut askers = Askers::default();
        let mut asking: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                list = changes.due() => outlet.tell(list, None).await,
                tiding = tidings.next() => match tiding {
                    None => return,
                    Some(Tiding::Everything) => changes.note_all(),
                    Some(Tiding::Of(_, News::ListChanged(list))) => changes.note(list),
                    Some(Tiding::Of(server, news)) => tell(&conversation, &outlet, server, &news).await,
                },
                asked = askers.next() => asking.push(Box::pin(session::put(&conversation, asked, &outlet))),
                Some(()) = asking.next(), if !asking.is_empty() => {}
                _ = look.tick() => askers.look(&conversation, tidings.servers()),
            }
        }
    }
}

/// Tells of one thing.
async fn tell(conversation: &Conversation, outlet: &Outlet, server: ServerId, news: &News) {
    match news {
        News::ListChanged(_) => {}
        News::Logged(params) if notifications::is_heard(conversation, Some(params)) => {
            outlet.tell("notifications/message", Some(params)).await;
        }
        News::Logged(_) => {}
        News::Told { method, params } => outlet.tell(method, params.as_deref()).await,
        News::ResourceUpdated { uri, params } => {
            let watched: Vec<_> = {
                let watches = conversation.watches.lock().unwrap_or_else(PoisonError::into_inner);
                watches.keys().cloned().collect()
            };
            let watched = watched.iter().map(String::as_str);
            if let Some(params) = subscriptions::update(conversation, server, uri, params, watched) {
                outlet.tell("notifications/resources/updated", Some(&params)).await;
            }
        }
    }
}

/// Those processes of the session that may ask it outside of requests.
#[derive(Default)]
struct Askers {
    known: BTreeMap<ServerId, Receiver<Asked>>,
}

impl Askers {
    /// Listens to what servers have such processes now.
    fn look(&mut self, conversation: &Conversation, servers: &[ServerId]) {
        self.known.retain(|server, questions| servers.contains(server) && !questions.is_closed());
        let client = conversation.client();
        for server in servers {
            if self.known.contains_key(server) {
                continue;
            }
            if let Ok(Some(questions)) = conversation.runtime.questions(&conversation.who, *server, &client) {
                self.known.insert(*server, questions);
            }
        }
    }

    /// The next question; waits for one. May be dropped and called again without loss.
    async fn next(&mut self) -> Asked {
        poll_fn(|context| {
            for questions in self.known.values_mut() {
                if let Poll::Ready(Some(asked)) = questions.poll_recv(context) {
                    return Poll::Ready(asked);
                }
            }
            Poll::Pending
        })
        .await
    }
}
