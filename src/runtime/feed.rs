//! What happens, kept for those who watch: a bounded ring with numbers, read by each as far as they may see.

mod event;
mod pace;
mod pulse;
mod reader;
mod ring;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    model::{Permission, Principal, ServerId, Share, UserId},
    policy::{payload, permission},
    registry::Registered,
    runtime::{Inner, Runtime},
};

pub use event::{Change, GatewayChange, LiveEvent, LiveItem};
use pulse::{Pulses, Told};
use ring::{Batch, Ring};

/// Error texts are cut to this many bytes: the whole one is in the call's record.
const LONGEST_TEXT: usize = 500;

/// The newest events of this run.
pub(super) struct Feed {
    /// Tells this run's numbers from those of others.
    run: String,
    ring: Mutex<Ring>,
    pulses: Pulses,
    latest: watch::Sender<u64>,
    /// Told when calls are summed up, so that somebody tells the sums.
    summing: Notify,
}

/// Whom an event concerns.
#[derive(Clone)]
pub(super) enum Scope {
    /// Those who may read the server at the moment they are told.
    Server(Weak<Registered>),
    /// These, and managers: a server is not there any more, or not for them.
    Users(Vec<UserId>),
    /// Those who may see the gateway.
    Gateway,
}

impl Scope {
    /// The event as far as `who` may be told of it.
    fn shown<'e>(&self, event: &'e LiveEvent, who: &Principal) -> Option<Cow<'e, LiveEvent>> {
        let (is_for, reads) = match self {
            Self::Server(server) => {
                let server = server.upgrade()?;
                (server.allows(who, event.wants(who.user_id)), server.allows(who, permission::READS))
            }
            Self::Users(users) => {
                let manages = who.may(Permission::McpManage);
                let is_one = users.contains(&who.user_id) && permission::holds_any(&who.permissions, permission::SEES);
                (manages || is_one, manages)
            }
            Self::Gateway => (who.may(Permission::GatewayRead), true),
        };
        is_for.then(|| if reads { Cow::Borrowed(event) } else { Cow::Owned(event.without_output()) })
    }
}

impl Default for Feed {
    fn default() -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string().chars().take(12).collect();
        Self {
            run,
            ring: Mutex::default(),
            pulses: Pulses::default(),
            latest: watch::Sender::default(),
            summing: Notify::new(),
        }
    }
}

impl Feed {
    /// Tells an event to whom it concerns.
    pub fn push(&self, scope: Scope, event: LiveEvent) {
        let seq = self.ring().push(scope, event);
        self.latest.send_replace(seq);
    }

    /// Has [`tell_sums`] see that the runtime is gone.
    pub fn end(&self) {
        self.summing.notify_one();
    }

    fn after(&self, seq: u64) -> Batch {
        self.ring().after(seq)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text that stands for a number of this run.
    fn id(&self, seq: u64) -> String {
        format!("{}-{seq}", self.run)
    }

    /// The number that a text stands for; `None` where it is not one of this run.
    fn seq(&self, id: &str) -> Option<u64> {
        let (run, seq) = id.split_once('-')?;
        let seq = seq.parse().ok().filter(|seq| *seq <= *self.latest.borrow());
        if run == self.run { seq } else { None }
    }
}

impl Runtime {
    /// Tells that a server is new, another one, or in another state.
    pub(super) fn tell_server(&self, server: &Arc<Registered>, change: Change) {
        let event = LiveEvent::of_server(server, change);
        self.inner.feed.push(Scope::Server(Arc::downgrade(server)), event);
    }

    /// Tells the same to somebody alone.
    pub(super) fn tell_server_to(&self, server: &Arc<Registered>, user: UserId, change: Change) {
        self.inner.feed.push(Scope::Users(vec![user]), LiveEvent::of_server(server, change));
    }

    /// Tells those who could see a server that it is gone.
    pub(super) fn tell_removal(&self, server: &Arc<Registered>) {
        let sharers = server.shares.load().iter().map(|share: &Share| share.user_id).collect::<Vec<_>>();
        let users = sharers.into_iter().chain([server.server.load().user_id]).collect();
        self.inner.feed.push(Scope::Users(users), LiveEvent::of_server(server, Change::Deleted));
        self.inner.feed.pulses.forget(server.id);
    }

    /// Tells something about a server; nothing where it is gone.
    pub(super) fn tell_of(&self, id: ServerId, event: LiveEvent) {
        if let Some(server) = self.inner.registry.get(id) {
            self.inner.feed.push(Scope::Server(Arc::downgrade(&server)), event);
        }
    }

    /// Tells of a call, or counts it where its server has many just now.
    pub(super) fn tell_call(&self, server: &Arc<Registered>, success: bool, event: impl FnOnce() -> LiveEvent) {
        match self.inner.feed.pulses.beat(server.id, Instant::now(), success) {
            Told::Singly => self.inner.feed.push(Scope::Server(Arc::downgrade(server)), event()),
            Told::Summed => {}
            Told::SumBegun => self.inner.feed.summing.notify_one(),
        }
    }

    fn tell_sums(&self) {
        for (server, sum) in self.inner.feed.pulses.take(Instant::now()) {
            self.tell_of(server, sum.event(server));
        }
    }
}

/// Tells the sums of calls that were not told one by one, a second after each began, for as long as the runtime lives.
pub(super) async fn tell_sums(runtime: Weak<Inner>) {
    loop {
        let Some(feed) = runtime.upgrade().map(|inner| inner.feed.clone()) else { return };
        feed.summing.notified().await;
        drop(feed);
        tokio::time::sleep(pulse::WINDOW).await;
        let Some(inner) = runtime.upgrade() else { return };
        Runtime { inner }.tell_sums();
    }
}

/// Text as events carry it: not longer than it need be.
pub(super) fn short(text: &str) -> String {
    payload::shortened(text, LONGEST_TEXT)
}

#[cfg(test)]
mod tests;
