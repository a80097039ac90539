//! Subscriptions at a server: to lists in the modern era, and in both to the resources that are watched.
//!
//! Watched resources are counted on the link (`resource_watches`). A legacy server gets `resources/subscribe`; a modern
//! one gets one `subscriptions/listen` for everything, and the next is opened before the last is ended. A listen is no
//! work: it does not count as in flight, and does not spare the process a ping.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler};
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Capabilities, Era, Members},
    supervisor::{
        list_kind::ListKind,
        messages::{Answer, Subscribed, WatchesChanged},
        server::{ProcessPhase, ServerActor, state::Subscriptions},
    },
};

/// Pause between the end of a subscription stream at the server and the next `subscriptions/listen`.
const RELISTEN_PAUSE: Duration = Duration::from_secs(1);

/// Time for a server to acknowledge a subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// Error message for watchers of a resource whose updates the server does not send.
const NOT_SUBSCRIBABLE: &str = "the server does not tell of this resource";

/// Error message for watchers where the server does not answer.
const NO_ANSWER: &str = "the server did not answer";

impl ServerActor {
    /// Subscribes to what is watched now, and to nothing else.
    pub(super) fn update_subscriptions(&mut self, ctx: &mut Context<Self>) {
        if self.phase == ProcessPhase::Ready {
            match self.instance.era() {
                Era::Legacy => self.subscribe(ctx),
                Era::Modern => self.listen(ctx),
            }
        }
    }

    /// One request for each resource (2025-11-25, server/resources).
    fn subscribe(&mut self, ctx: &mut Context<Self>) {
        let watched = self.link.watches.uris();
        let gone: Vec<_> = self.subscriptions.resources.extract_if(.., |uri, _| !watched.contains(uri)).collect();
        for (uri, _) in gone {
            self.request_for_resource("resources/unsubscribe", uri, |_, _| {});
        }
        for uri in watched {
            match self.subscriptions.resources.get(&uri) {
                Some(true) => self.link.watches.settle(&uri, Ok(())),
                Some(false) => {}
                None => {
                    self.subscriptions.resources.insert(uri.clone(), false);
                    let addr = ctx.address();
                    self.request_for_resource("resources/subscribe", uri, move |uri, outcome| {
                        addr.do_send(Subscribed { uri, outcome });
                    });
                }
            }
        }
    }

    fn request_for_resource(
        &self,
        method: &'static str,
        uri: String,
        on_outcome: impl FnOnce(String, Result<(), Arc<RawValue>>) + 'static,
    ) {
        let members = format!(r#""uri":{}"#, serde_json::Value::from(uri.as_str()));
        let mut request = self.instance.request(|id, era| mcp::request(id, method, &members, era));
        actix::spawn(async move {
            let outcome = match tokio::time::timeout(SUBSCRIBE_TIMEOUT, request.answer()).await {
                Ok(Answer::Result(_)) => Ok(()),
                Ok(Answer::Error(error) | Answer::TransportFailed { error, .. }) => Err(error),
                Ok(Answer::NotSent | Answer::Unread | Answer::TooLong | Answer::Died(_)) | Err(_) => {
                    Err(mcp::error(-32603, NO_ANSWER, None))
                }
            };
            on_outcome(uri, outcome);
        });
    }

    /// One stream for everything (2026-07-28, basic/utilities/subscriptions). Its subscriptions cannot be changed, so a
    /// new one is opened before the old one is ended.
    fn listen(&mut self, ctx: &mut Context<Self>) {
        if self.subscriptions.newest.is_some() && self.subscriptions.newest != self.subscriptions.active {
            // Resources watched since then are subscribed to once the server has answered, all at once.
            return;
        }
        let capabilities = self.instance.capabilities();
        let watched = self.link.watches.uris();
        let unchanged = self.subscriptions.resources.keys().eq(watched.iter());
        if unchanged && (self.subscriptions.newest.is_some() || self.subscriptions.refusal.is_some()) {
            return self.settle_watches();
        }
        self.subscriptions.resources = watched.iter().map(|uri| (uri.clone(), false)).collect();
        self.subscriptions.refusal = None;
        let Some(members) = filter(&capabilities, &watched) else {
            self.end_listen(self.subscriptions.active);
            (self.subscriptions.newest, self.subscriptions.active) = (None, None);
            return self.settle_watches();
        };
        let id = self.instance.next_id();
        self.subscriptions.newest = Some(id);
        self.write_if_possible(mcp::request(id, "subscriptions/listen", &members, Era::Modern));
        ctx.run_later(SUBSCRIBE_TIMEOUT, move |actor, ctx| {
            if actor.subscriptions.newest == Some(id) && actor.subscriptions.active != Some(id) {
                actor.on_listen_ended(id, Some(&mcp::error(-32603, NO_ANSWER, None)), ctx);
                actor.end_listen(Some(id));
            }
        });
    }

    /// The server acknowledges a subscription, naming its part of it; the first message of each stream.
    pub(super) fn on_acknowledged(&mut self, params: &RawValue, ctx: &mut Context<Self>) {
        let Ok(mut members) = Members::parse(params) else { return };
        let id = mcp::take_subscription(&mut members).and_then(|id| id.get().parse().ok());
        if id.is_none() || id != self.subscriptions.newest {
            return;
        }
        if self.subscriptions.active != id {
            self.end_listen(self.subscriptions.active);
        }
        self.subscriptions.active = id;
        let honoured = members.get("notifications").and_then(|honoured| Members::parse(honoured).ok());
        let agreed_uris = honoured.as_ref().and_then(|honoured| honoured.get("resourceSubscriptions"));
        let agreed_uris: Vec<String> =
            agreed_uris.and_then(|agreed_uris| serde_json::from_str(agreed_uris.get()).ok()).unwrap_or_default();
        for (uri, agreed) in &mut self.subscriptions.resources {
            *agreed = agreed_uris.contains(uri);
        }
        self.settle_watches();
        self.update_subscriptions(ctx);
        if std::mem::take(&mut self.subscriptions.may_have_missed) {
            self.schedule_relist(&[ListKind::Tools, ListKind::Prompts, ListKind::Resources, ListKind::Templates], ctx);
        }
    }

    /// A subscription stream ended, or was refused; `false` where the actor opened none of this id.
    pub(super) fn on_listen_ended(&mut self, id: u64, refusal: Option<&RawValue>, ctx: &mut Context<Self>) -> bool {
        if !self.subscriptions.contains(id) {
            return false;
        }
        let was_newest = self.subscriptions.newest == Some(id);
        // A stream that was acknowledged and ends with an error was cut off.
        let refusal = refusal.filter(|_| self.subscriptions.active != Some(id));
        self.subscriptions.active.take_if(|active| *active == id);
        self.subscriptions.newest.take_if(|newest| *newest == id);
        if let Some(refusal) = refusal {
            // It is asked again only for something else.
            self.subscriptions.refusal = Some(Arc::from(refusal.to_owned()));
            self.subscriptions.newest = self.subscriptions.active;
            self.settle_watches();
            self.update_subscriptions(ctx);
        } else if was_newest {
            self.subscriptions.may_have_missed = true;
            ctx.run_later(RELISTEN_PAUSE, Self::update_subscriptions);
        }
        true
    }

    /// Has the server end a stream of changes.
    fn end_listen(&mut self, id: Option<u64>) {
        if let Some(id) = id {
            self.write_if_possible(mcp::cancelled(id, "another stream takes its place, or nobody listens"));
        }
    }

    /// Passes the answer of the process to the watchers, once there is one.
    fn settle_watches(&self) {
        let Subscriptions { resources, newest, active, refusal, may_have_missed: _ } = &self.subscriptions;
        if newest != active {
            return;
        }
        for (uri, agreed) in resources {
            let refusal = || refusal.clone().unwrap_or_else(|| mcp::error(-32602, NOT_SUBSCRIBABLE, None));
            self.link.watches.settle(uri, if *agreed { Ok(()) } else { Err(refusal()) });
        }
    }
}

/// The parameters of a `subscriptions/listen` for every change that a server announces; `None` where that is nothing.
fn filter(capabilities: &Capabilities, watched: &[String]) -> Option<String> {
    let mut wanted: Vec<String> =
        [("tools", "toolsListChanged"), ("prompts", "promptsListChanged"), ("resources", "resourcesListChanged")]
            .into_iter()
            .filter(|(capability, _)| capabilities.says(capability, "listChanged"))
            .map(|(_, name)| format!(r#""{name}":true"#))
            .collect();
    if !watched.is_empty() && capabilities.says("resources", "subscribe") {
        wanted.push(format!(r#""resourceSubscriptions":{}"#, serde_json::Value::from(watched)));
    }
    (!wanted.is_empty()).then(|| format!(r#""notifications":{{{}}}"#, wanted.join(",")))
}

impl Handler<WatchesChanged> for ServerActor {
    type Result = ();

    fn handle(&mut self, _: WatchesChanged, ctx: &mut Context<Self>) {
        self.update_subscriptions(ctx);
    }
}

impl Handler<Subscribed> for ServerActor {
    type Result = ();

    fn handle(&mut self, Subscribed { uri, outcome }: Subscribed, _: &mut Context<Self>) {
        match outcome {
            Ok(()) => {
                if let Some(agreed) = self.subscriptions.resources.get_mut(&uri) {
                    *agreed = true;
                }
            }
            // The next watcher of it has the server asked again.
            Err(_) => drop(self.subscriptions.resources.remove(&uri)),
        }
        self.link.watches.settle(&uri, outcome);
    }
}
