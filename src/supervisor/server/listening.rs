//! Changes a server is asked to tell of: lists in the newer era, and in both the resources that are watched.
//!
//! Watched resources are counted on the link (`watches`). A legacy server gets `resources/subscribe`; a modern one gets
//! one `subscriptions/listen` for everything, and the next is opened before the last is ended. A listen is no work: it
//! does not count as in flight, and does not spare the process a ping.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler};
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Capabilities, Era, Members},
    supervisor::{
        listing::List,
        messages::{Answer, Subscribed, WatchesChanged},
        server::{Phase, ServerActor, state::Listening},
    },
};

/// Pause between the end of a subscription stream at the server and the next `subscriptions/listen`.
const AGAIN: Duration = Duration::from_secs(1);

/// Time for a server to acknowledge a subscription.
const PATIENCE: Duration = Duration::from_secs(30);

/// Error message for watchers of a resource whose updates the server does not send.
const UNTOLD: &str = "the server does not tell of this resource";

/// Error message for watchers where the server does not answer.
const UNANSWERED: &str = "the server did not answer";

impl ServerActor {
    /// Asks the process to tell of what is watched now.
    pub(super) fn follow_watches(&mut self, ctx: &mut Context<Self>) {
        if self.phase == Phase::Ready {
            match self.instance.era() {
                Era::Legacy => self.subscribe(ctx),
                Era::Modern => self.listen(ctx),
            }
        }
    }

    /// One request for each resource (2025-11-25, server/resources).
    fn subscribe(&mut self, ctx: &mut Context<Self>) {
        let watched = self.link.watches.uris();
        let gone: Vec<_> = self.listening.resources.extract_if(.., |uri, _| !watched.contains(uri)).collect();
        for (uri, _) in gone {
            self.ask_about("resources/unsubscribe", uri, |_, _| {});
        }
        for uri in watched {
            match self.listening.resources.get(&uri) {
                Some(true) => self.link.watches.settle(&uri, Ok(())),
                Some(false) => {}
                None => {
                    self.listening.resources.insert(uri.clone(), false);
                    let addr = ctx.address();
                    self.ask_about("resources/subscribe", uri, move |uri, outcome| {
                        addr.do_send(Subscribed { uri, outcome });
                    });
                }
            }
        }
    }

    fn ask_about(
        &self,
        method: &'static str,
        uri: String,
        tell: impl FnOnce(String, Result<(), Arc<RawValue>>) + 'static,
    ) {
        let members = format!(r#""uri":{}"#, serde_json::Value::from(uri.as_str()));
        let mut request = self.instance.request(|id, era| mcp::request(id, method, &members, era));
        actix::spawn(async move {
            let outcome = match tokio::time::timeout(PATIENCE, request.answer()).await {
                Ok(Answer::Result(_)) => Ok(()),
                Ok(Answer::Error(error)) => Err(error),
                Ok(Answer::NotSent | Answer::Unread | Answer::TooLong | Answer::Died(_)) | Err(_) => {
                    Err(mcp::error(-32603, UNANSWERED, None))
                }
            };
            tell(uri, outcome);
        });
    }

    /// One stream for everything (2026-07-28, basic/utilities/subscriptions). Its subscriptions cannot be changed, so a
    /// new one is opened before the old one is ended.
    fn listen(&mut self, ctx: &mut Context<Self>) {
        if self.listening.newest.is_some() && self.listening.newest != self.listening.active {
            // Resources watched since then are asked for once the server has answered, all at once.
            return;
        }
        let offered = self.instance.offered();
        let watched = self.link.watches.uris();
        let unchanged = self.listening.resources.keys().eq(watched.iter());
        if unchanged && (self.listening.newest.is_some() || self.listening.refusal.is_some()) {
            return self.settle_watches();
        }
        self.listening.resources = watched.iter().map(|uri| (uri.clone(), false)).collect();
        self.listening.refusal = None;
        let Some(members) = filter(&offered, &watched) else {
            self.end_listen(self.listening.active);
            (self.listening.newest, self.listening.active) = (None, None);
            return self.settle_watches();
        };
        let id = self.instance.next_id();
        self.listening.newest = Some(id);
        self.write_if_possible(mcp::request(id, "subscriptions/listen", &members, Era::Modern));
        ctx.run_later(PATIENCE, move |actor, ctx| {
            if actor.listening.newest == Some(id) && actor.listening.active != Some(id) {
                actor.listen_ended(id, Some(&mcp::error(-32603, UNANSWERED, None)), ctx);
                actor.end_listen(Some(id));
            }
        });
    }

    /// The server acknowledges a subscription, naming its part of it; the first message of each stream.
    pub(super) fn acknowledged(&mut self, params: &RawValue, ctx: &mut Context<Self>) {
        let Ok(mut members) = Members::parse(params) else { return };
        let id = mcp::take_subscription(&mut members).and_then(|id| id.get().parse().ok());
        if id.is_none() || id != self.listening.newest {
            return;
        }
        if self.listening.active != id {
            self.end_listen(self.listening.active);
        }
        self.listening.active = id;
        let honoured = members.get("notifications").and_then(|honoured| Members::parse(honoured).ok());
        let told = honoured.as_ref().and_then(|honoured| honoured.get("resourceSubscriptions"));
        let told: Vec<String> = told.and_then(|told| serde_json::from_str(told.get()).ok()).unwrap_or_default();
        for (uri, agreed) in &mut self.listening.resources {
            *agreed = told.contains(uri);
        }
        self.settle_watches();
        self.follow_watches(ctx);
        if std::mem::take(&mut self.listening.missed) {
            self.relist_soon(&[List::Tools, List::Prompts, List::Resources, List::Templates], ctx);
        }
    }

    /// A subscription stream ended, or was refused; `false` where the actor opened none of this id.
    pub(super) fn listen_ended(&mut self, id: u64, refusal: Option<&RawValue>, ctx: &mut Context<Self>) -> bool {
        if !self.listening.is_ours(id) {
            return false;
        }
        let was_newest = self.listening.newest == Some(id);
        // A stream that was acknowledged and ends with an error was cut off.
        let refusal = refusal.filter(|_| self.listening.active != Some(id));
        self.listening.active.take_if(|active| *active == id);
        self.listening.newest.take_if(|newest| *newest == id);
        if let Some(refusal) = refusal {
            // It is asked again only for something else.
            self.listening.refusal = Some(Arc::from(refusal.to_owned()));
            self.listening.newest = self.listening.active;
            self.settle_watches();
            self.follow_watches(ctx);
        } else if was_newest {
            self.listening.missed = true;
            ctx.run_later(AGAIN, Self::follow_watches);
        }
        true
    }

    /// Has the server end a stream of changes.
    fn end_listen(&mut self, id: Option<u64>) {
        if let Some(id) = id {
            self.write_if_possible(mcp::cancelled(id, "another stream takes its place, or nobody listens"));
        }
    }

    /// Tells those who watch what the process said; nothing while it is still to say.
    fn settle_watches(&self) {
        let Listening { resources, newest, active, refusal, missed: _ } = &self.listening;
        if newest != active {
            return;
        }
        for (uri, agreed) in resources {
            let refusal = || refusal.clone().unwrap_or_else(|| mcp::error(-32602, UNTOLD, None));
            self.link.watches.settle(uri, if *agreed { Ok(()) } else { Err(refusal()) });
        }
    }
}

/// The parameters of a `subscriptions/listen` for all that a server offers to tell; `None` where that is nothing.
fn filter(offered: &Capabilities, watched: &[String]) -> Option<String> {
    let mut wanted: Vec<String> =
        [("tools", "toolsListChanged"), ("prompts", "promptsListChanged"), ("resources", "resourcesListChanged")]
            .into_iter()
            .filter(|(capability, _)| offered.says(capability, "listChanged"))
            .map(|(_, name)| format!(r#""{name}":true"#))
            .collect();
    if !watched.is_empty() && offered.says("resources", "subscribe") {
        wanted.push(format!(r#""resourceSubscriptions":{}"#, serde_json::Value::from(watched)));
    }
    (!wanted.is_empty()).then(|| format!(r#""notifications":{{{}}}"#, wanted.join(",")))
}

impl Handler<WatchesChanged> for ServerActor {
    type Result = ();

    fn handle(&mut self, _: WatchesChanged, ctx: &mut Context<Self>) {
        self.follow_watches(ctx);
    }
}

impl Handler<Subscribed> for ServerActor {
    type Result = ();

    fn handle(&mut self, Subscribed { uri, outcome }: Subscribed, _: &mut Context<Self>) {
        match outcome {
            Ok(()) => {
                if let Some(agreed) = self.listening.resources.get_mut(&uri) {
                    *agreed = true;
                }
            }
            // The next watcher of it has the server asked again.
            Err(_) => drop(self.listening.resources.remove(&uri)),
        }
        self.link.watches.settle(&uri, outcome);
    }
}
