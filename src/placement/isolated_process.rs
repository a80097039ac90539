//! [`IsolatedProcess`]: a process of a server for one user or one session, and its use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::AbortHandle,
    time::Instant,
};
use uuid::Uuid;

use crate::{
    model::{ServerId, UserId},
    placement::process_key::ProcessKey,
    registry::Registered,
    supervisor::{Availability, Link, Sharing, messages::ServerEvent},
};

/// Age of its last use at which a process ends.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// A process for one user or one session, or the place for one.
pub(crate) struct IsolatedProcess {
    /// Its id at the supervisor.
    pub id: ServerId,
    /// The server it is a process of.
    pub server: Arc<Registered>,
    /// View, output, lists and events of the process, as the supervisor reports them.
    pub link: Link,
    pub(super) key: ProcessKey,
    /// True when it should run.
    pub(super) started: AtomicBool,
    /// Held while that changes.
    pub(super) registration: tokio::sync::Mutex<ChildState>,
    usage: Mutex<Users>,
    /// Passes on list changes of the process that all share: lists are read from that one.
    forwarding: AbortHandle,
}

/// State of an isolated process at the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    /// No child yet.
    Missing,
    /// A child, running or not.
    Added,
    /// No child any more, and no key leads here.
    Removed,
}

struct Users {
    users: usize,
    since: Instant,
}

impl Users {
    fn is_idle(&self) -> bool {
        self.users == 0 && self.since.elapsed() >= IDLE_TIMEOUT
    }
}

impl IsolatedProcess {
    pub(super) fn new(key: ProcessKey, server: Arc<Registered>) -> Self {
        let mut link = Link::default();
        // Usage, timeline and era are those of the server; standard error is the user's alone.
        let Link { output, trees, log, skips_discovery, .. } = &server.link;
        (link.output, link.trees, link.log) = (Arc::new(output.of_user(key.user)), trees.clone(), log.clone());
        // What it lists itself is a change where it differs from what its user was shown, which is the server's.
        if let Some(shown) = server.link.listing() {
            link = link.with_listing(shown);
        }
        link.skips_discovery = skips_discovery.clone();
        let forwarding =
            tokio::spawn(forward(server.link.server_events.subscribe(), link.server_events.clone())).abort_handle();
        Self {
            forwarding,
            id: ServerId::new(),
            server,
            link,
            key,
            started: AtomicBool::new(false),
            registration: tokio::sync::Mutex::new(ChildState::Missing),
            usage: Mutex::new(Users { users: 0, since: Instant::now() }),
        }
    }

    /// True when its process runs or is starting.
    pub(super) fn is_up(&self) -> bool {
        let is_down = matches!(self.link.view.borrow().availability, Availability::Down(_));
        self.started.load(Ordering::Relaxed) && !is_down
    }

    /// The user it is for.
    pub(super) fn user(&self) -> UserId {
        self.key.user
    }

    /// True when it is for this user, or one of their sessions.
    pub(super) fn is_of_user(&self, user: UserId) -> bool {
        self.key.user == user
    }

    /// True when it is for this session.
    pub(super) fn is_of_session(&self, session: Uuid) -> bool {
        self.key.session == Some(session)
    }

    /// True when it was unused for so long that its process may end.
    pub(super) fn is_idle(&self) -> bool {
        self.usage.lock().is_idle()
    }

    /// Marks it as one that should not run, where it is idle; true if it should have run until then.
    pub(super) fn retire(&self) -> bool {
        let usage = self.usage.lock();
        usage.is_idle() && self.started.swap(false, Ordering::Relaxed)
    }

    /// True when it is idle, and no receiver waits for its events.
    pub(super) fn is_unreferenced(&self) -> bool {
        self.is_idle() && self.link.server_events.receiver_count() == 0
    }

    /// The capabilities it is started with.
    pub(super) fn sharing(&self) -> Sharing {
        Sharing::Exclusive { capabilities: self.key.capabilities.clone() }
    }
}

impl Drop for IsolatedProcess {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

/// An isolated process in use; not idle for as long as this is held.
pub(crate) struct Lease(Arc<IsolatedProcess>);

impl Lease {
    /// Takes a process in use.
    pub(super) fn new(process: Arc<IsolatedProcess>) -> Self {
        let mut usage = process.usage.lock();
        usage.users = usage.users.saturating_add(1);
        drop(usage);
        Self(process)
    }

    /// View, output, lists and events of the process, as the supervisor reports them.
    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    /// The process.
    pub(super) fn process(&self) -> &Arc<IsolatedProcess> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut usage = self.0.usage.lock();
        *usage = Users { users: usage.users.saturating_sub(1), since: Instant::now() };
    }
}

async fn forward(mut from: broadcast::Receiver<ServerEvent>, to: broadcast::Sender<ServerEvent>) {
    loop {
        match from.recv().await {
            // There may be no listener.
            Ok(event @ ServerEvent::ListChanged(_)) => drop(to.send(event)),
            Ok(ServerEvent::ResourceUpdated { .. } | ServerEvent::Logged(_) | ServerEvent::Notification { .. })
            | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
