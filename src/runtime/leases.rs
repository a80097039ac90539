//! Processes that one user or one session has for itself: whose they are, and whether anybody uses them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::AbortHandle,
    time::Instant,
};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    mcp::Era,
    model::{Credential, Isolation, Principal, ServerConfig, ServerId, UserId},
    registry::Registered,
    runtime::Client,
    supervisor::{Availability, Link, Sharing, messages::News},
};

/// How many such processes one user may have.
const MOST_PROCESSES: usize = 16;

/// How many one user may wait for news of, or for questions from; most have no process yet.
const MOST: usize = 256;

/// A process nobody has used for this long ends.
const IDLE: Duration = Duration::from_secs(600);

/// What is declared for the sessions of a user to a process they share; each question finds out whether it is so.
const EVERYTHING: &str = r#"{"sampling":{},"elicitation":{"form":{},"url":{}},"roots":{}}"#;

/// Every lease.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<Key, Arc<Lease>>>);

/// Whose process of which server it is. What was declared is part of it: a process hears that once, when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    server: ServerId,
    user: UserId,
    /// `None` where all sessions of the user share it.
    session: Option<Uuid>,
    capabilities: String,
}

/// A process for somebody alone, or the place for one.
pub(super) struct Lease {
    /// What the supervisor knows it by.
    pub id: ServerId,
    /// The server it is a process of.
    pub server: Arc<Registered>,
    pub link: Link,
    key: Key,
    /// Whether it is to run.
    pub started: AtomicBool,
    /// Held while that changes.
    pub place: tokio::sync::Mutex<Place>,
    usage: Mutex<Usage>,
    /// Passes on what changes at the process that all share: the common catalogue is that one's.
    forwarding: AbortHandle,
}

/// What the supervisor knows of a lease's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing yet.
    Unknown,
    /// How it is run.
    Known,
    /// That it is over: nobody can reach the lease any more.
    Ended,
}

struct Usage {
    users: usize,
    since: Instant,
}

impl Usage {
    fn is_idle(&self) -> bool {
        self.users == 0 && self.since.elapsed() >= IDLE
    }
}

/// A lease in use.
pub(super) struct Lane(Arc<Lease>);

impl Key {
    /// Whose process of `server` the caller's requests go to; `None` where all callers share one. Who is no MCP client has
    /// its credential for a session, and declares nothing.
    pub fn of(who: &Principal, server: &Registered, client: Option<&Client>) -> Option<Self> {
        let (session, capabilities) = match server.server.load().config.isolation {
            Isolation::Shared => return None,
            Isolation::PerUser => (None, EVERYTHING.to_owned()),
            Isolation::PerSession => match client {
                Some(client) => (Some(client.session), declared(client)),
                None => (Some(credential(who)), "{}".to_owned()),
            },
        };
        Some(Self { server: server.id, user: who.user_id, session, capabilities })
    }
}

impl Leases {
    /// The lease of this key, made where there is none.
    pub fn get(&self, key: Key, server: &Arc<Registered>) -> Result<Arc<Lease>> {
        // Counts as a use, so that it is not taken for idle at this very moment.
        self.hold(key, server).map(|lane| lane.0.clone())
    }

    /// The same in use, so that it is not taken for idle.
    pub fn hold(&self, key: Key, server: &Arc<Registered>) -> Result<Lane> {
        let mut leases = self.lock();
        if let Some(lease) = leases.get(&key) {
            return Ok(Lane::new(lease.clone()));
        }
        if leases.keys().filter(|one| one.user == key.user).count() >= MOST {
            return Err(Error::Busy("the user has as many servers isolated as there may be; end some sessions"));
        }
        let lease = Arc::new(Lease::new(key.clone(), server.clone()));
        leases.insert(key, lease.clone());
        Ok(Lane::new(lease))
    }

    /// Marks a lease as one that is to run; `Busy` where its user has as many as they may have.
    pub fn admit(&self, lease: &Lease) -> Result<()> {
        let leases = self.lock();
        let running = |one: &&Arc<Lease>| one.key.user == lease.key.user && one.started.load(Ordering::Relaxed);
        if leases.values().filter(running).count() >= MOST_PROCESSES {
            return Err(Error::Busy("the user has as many processes of their own as there may be; end some sessions"));
        }
        lease.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The server that a lease's process is one of; `None` where the id is no lease's.
    pub fn server_of(&self, id: ServerId) -> Option<ServerId> {
        self.lock().values().find(|lease| lease.id == id).map(|lease| lease.server.id)
    }

    /// Those that `wanted` holds for.
    pub fn find(&self, wanted: impl Fn(&Lease) -> bool) -> Vec<Arc<Lease>> {
        self.lock().values().filter(|lease| wanted(lease)).cloned().collect()
    }

    /// Takes those out that `unwanted` holds for.
    pub fn take(&self, unwanted: impl Fn(&Lease) -> bool) -> Vec<Arc<Lease>> {
        self.lock().extract_if(|_, lease| unwanted(lease)).map(|(_, lease)| lease).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Lease>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn new(key: Key, server: Arc<Registered>) -> Self {
        let mut link = Link::default();
        // What it uses is its server's, and what there is to say about it; what it writes on standard error is its user's.
        let Link { output, trees, log, .. } = &server.link;
        (link.output, link.trees, link.log) = (Arc::new(output.of_user(key.user)), trees.clone(), log.clone());
        let forwarding = tokio::spawn(forward(server.link.news.subscribe(), link.news.clone())).abort_handle();
        Self {
            forwarding,
            id: ServerId::new(),
            server,
            link,
            key,
            started: AtomicBool::new(false),
            place: tokio::sync::Mutex::new(Place::Unknown),
            usage: Mutex::new(Usage { users: 0, since: Instant::now() }),
        }
    }

    /// Whether its process runs, or is on its way.
    pub fn is_up(&self) -> bool {
        let is_down = matches!(self.link.view.borrow().availability, Availability::Down(_));
        self.started.load(Ordering::Relaxed) && !is_down
    }

    /// Whether it is this user's alone, or one of their sessions'.
    pub fn is_of_user(&self, user: UserId) -> bool {
        self.key.user == user
    }

    /// Whether it is this session's alone.
    pub fn is_of_session(&self, session: Uuid) -> bool {
        self.key.session == Some(session)
    }

    /// Whether nobody has used it for long enough to end its process.
    pub fn is_idle(&self) -> bool {
        self.usage().is_idle()
    }

    /// Has its process not run any more where nobody uses it; whether it was to.
    pub fn retire(&self) -> bool {
        let usage = self.usage();
        usage.is_idle() && self.started.swap(false, Ordering::Relaxed)
    }

    /// Whether nobody would miss it.
    pub fn is_forgotten(&self) -> bool {
        self.is_idle() && self.link.news.receiver_count() == 0
    }

    /// What the process may ask for.
    pub fn sharing(&self) -> Sharing {
        Sharing::Exclusive { capabilities: self.key.capabilities.clone() }
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

impl Lane {
    fn new(lease: Arc<Lease>) -> Self {
        let mut usage = lease.usage();
        usage.users = usage.users.saturating_add(1);
        drop(usage);
        Self(lease)
    }

    /// Where the process is.
    pub fn link(&self) -> &Link {
        &self.0.link
    }

    pub fn lease(&self) -> &Arc<Lease> {
        &self.0
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        *usage = Usage { users: usage.users.saturating_sub(1), since: Instant::now() };
    }
}

async fn forward(mut from: broadcast::Receiver<News>, to: broadcast::Sender<News>) {
    loop {
        match from.recv().await {
            // Nobody may listen.
            Ok(news @ News::ListChanged(_)) => drop(to.send(news)),
            Ok(News::ResourceUpdated { .. } | News::Logged(_) | News::Told { .. }) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who shares the process of a server that all its callers know: the one that is asked for its lists and its health.
pub(super) fn common(config: &ServerConfig) -> Sharing {
    match config.isolation {
        Isolation::Shared => Sharing::Shared,
        Isolation::PerUser | Isolation::PerSession => Sharing::Listing { capabilities: EVERYTHING.to_owned() },
    }
}

/// What a client declared, in one of the ways to write it, without what is not bridged. One that declares something with
/// each request would need a process for each; as for several sessions, each question finds out whether it is so.
fn declared(client: &Client) -> String {
    if client.era == Era::Modern {
        return EVERYTHING.to_owned();
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(client.capabilities.get()) else {
        return "{}".to_owned();
    };
    members.remove("tasks");
    members.remove("extensions");
    Value::Object(members).to_string()
}

/// What stands for a session where there is none.
fn credential(who: &Principal) -> Uuid {
    match who.credential {
        Credential::Session(id) => id.uuid(),
        Credential::Key(id) => id.uuid(),
        Credential::Token(subject) => subject,
        Credential::Embedder => who.user_id.uuid(),
    }
}

#[cfg(test)]
mod tests;
