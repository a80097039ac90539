//! Every registered server in memory: what HTTP requests read, without asking an actor or the database.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::{
    error::{Error, Noun, Result},
    model::{Permission, Principal, RuntimeStatus, Server, ServerId, Share, Timestamp, UserId},
    policy::{
        mask::Mask,
        permission::{self, Standing, Verdict},
    },
    runtime::{Runtime, consent::Consent, feed::Pulse, sealed, shown::Shown},
    supervisor::{ChildView, Link},
};

/// A snapshot that is replaced whole when a server comes or goes.
#[derive(Default)]
pub(super) struct Registry {
    servers: ArcSwap<BTreeMap<ServerId, Arc<Registered>>>,
    changing: Mutex<()>,
}

/// One registered server.
pub(super) struct Registered {
    pub id: ServerId,
    /// With its real secrets; counters are as of loading.
    pub server: ArcSwap<Server>,
    pub shares: ArcSwap<Vec<Share>>,
    pub mask: ArcSwap<Mask>,
    pub link: Link,
    /// What it was consented to, where it is remote.
    pub consent: Arc<Consent>,
    /// What callers see of its catalogue.
    pub shown: Shown,
    /// One for each call it may have in flight.
    pub slots: Arc<Semaphore>,
    pub tally: Tally,
    /// Whether its calls are told of one by one.
    pub pulse: Pulse,
    /// Held while its configuration or its shares change.
    pub changing: tokio::sync::Mutex<()>,
}

/// Calls counted since loading.
#[derive(Default)]
pub(super) struct Tally {
    calls: AtomicI64,
    errors: AtomicI64,
    execution_time: AtomicI64,
    last_used: ArcSwap<Option<Timestamp>>,
}

impl Tally {
    pub fn add(&self, success: bool, execution_time: i64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(i64::from(!success), Ordering::Relaxed);
        self.execution_time.fetch_add(execution_time, Ordering::Relaxed);
        self.last_used.store(Arc::new(Some(Timestamp::now())));
    }

    /// Begins at nothing: what was counted so far has been loaded.
    pub fn clear(&self) {
        self.calls.store(0, Ordering::Relaxed);
        self.errors.store(0, Ordering::Relaxed);
        self.execution_time.store(0, Ordering::Relaxed);
        self.last_used.store(Arc::default());
    }
}

impl Registered {
    pub fn new(server: Server, shares: Vec<Share>, link: Link, max_in_flight: usize) -> Self {
        Self {
            id: server.id,
            consent: Arc::new(Consent::new(server.id)),
            mask: ArcSwap::from_pointee(sealed::mask([&server.config])),
            server: ArcSwap::from_pointee(server),
            shares: ArcSwap::from_pointee(shares),
            link,
            shown: Shown::default(),
            slots: Arc::new(Semaphore::new(max_in_flight)),
            tally: Tally::default(),
            pulse: Pulse::default(),
            changing: tokio::sync::Mutex::new(()),
        }
    }

    /// The server as it is now, calls counted and health seen; secrets in clear.
    pub fn current(&self) -> Server {
        let mut server = Server::clone(&self.server.load());
        let count =
            |total: &mut i64, counted: &AtomicI64| *total = total.saturating_add(counted.load(Ordering::Relaxed));
        count(&mut server.total_calls, &self.tally.calls);
        count(&mut server.total_errors, &self.tally.errors);
        count(&mut server.total_execution_time, &self.tally.execution_time);
        server.last_used_at = self.tally.last_used.load().or(server.last_used_at);
        let view = self.link.view.borrow();
        server.health_status = view.health;
        server.last_health_check = view.checked_at.or(server.last_health_check);
        server
    }

    /// What the server is to somebody.
    fn with_standing<T>(&self, user: UserId, decide: impl FnOnce(Standing<'_>) -> T) -> T {
        if self.server.load().user_id == user {
            return decide(Standing::Owner);
        }
        let shares = self.shares.load();
        let share = shares.iter().find(|share| share.user_id == user);
        decide(share.map_or(Standing::Stranger, |share| Standing::SharedWith(&share.permissions)))
    }

    /// Whether `who` may do what any of `wanted` allows.
    pub fn verdict(&self, who: &Principal, wanted: &[Permission]) -> Verdict {
        self.with_standing(who.user_id, |standing| permission::on_server(&who.permissions, standing, wanted))
    }

    /// The same where it does not matter why not.
    pub fn allows(&self, who: &Principal, wanted: &[Permission]) -> bool {
        self.verdict(who, wanted) == Verdict::Allowed
    }

    /// What its process is doing; without what it wrote on standard error, where `who` may not read that.
    pub fn status_for(&self, who: &Principal) -> RuntimeStatus {
        self.status_in(&self.link.view.borrow(), who)
    }

    /// The same of a view that was taken before.
    pub fn status_in(&self, view: &ChildView, who: &Principal) -> RuntimeStatus {
        let mut status = view.runtime_status();
        if !self.allows(who, permission::READS) {
            status.hide_output();
        }
        status
    }

    /// Whether `who` owns the server, or may do with it what its owner may.
    pub fn is_owned_by(&self, who: &Principal) -> bool {
        let verdict = |standing: Standing<'_>| permission::on_ownership(&who.permissions, standing);
        self.with_standing(who.user_id, verdict) == Verdict::Allowed
    }

    /// Whether the server is one of theirs, with which `who` may do what any of `wanted` allows.
    pub fn is_of(&self, who: &Principal, wanted: &[Permission]) -> bool {
        let may = |standing: Standing<'_>| {
            standing != Standing::Stranger
                && permission::on_server(&who.permissions, standing, wanted) == Verdict::Allowed
        };
        self.with_standing(who.user_id, may)
    }
}

impl Registry {
    pub fn get(&self, id: ServerId) -> Option<Arc<Registered>> {
        self.servers.load().get(&id).cloned()
    }

    /// Every server, oldest first.
    pub fn all(&self) -> Arc<BTreeMap<ServerId, Arc<Registered>>> {
        self.servers.load_full()
    }

    pub fn insert(&self, server: Registered) -> Arc<Registered> {
        let server = Arc::new(server);
        self.change(|servers| {
            servers.insert(server.id, server.clone());
        });
        server
    }

    pub fn remove(&self, id: ServerId) -> Option<Arc<Registered>> {
        let mut removed = None;
        self.change(|servers| removed = servers.remove(&id));
        removed
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<ServerId, Arc<Registered>>)) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut servers = BTreeMap::clone(&self.servers.load());
        change(&mut servers);
        self.servers.store(Arc::new(servers));
    }
}

impl Runtime {
    /// The server, if `who` may do what any of `wanted` allows; `action` is for the audit where they may not.
    pub(super) fn reach(
        &self,
        who: &Principal,
        id: ServerId,
        wanted: &[Permission],
        action: &str,
    ) -> Result<Arc<Registered>> {
        self.decide(who, id, action, |standing| permission::on_server(&who.permissions, standing, wanted))
    }

    /// The server, if `who` may delete it and share it.
    pub(super) fn reach_as_owner(&self, who: &Principal, id: ServerId, action: &str) -> Result<Arc<Registered>> {
        self.decide(who, id, action, |standing| permission::on_ownership(&who.permissions, standing))
    }

    fn decide(
        &self,
        who: &Principal,
        id: ServerId,
        action: &str,
        verdict: impl FnOnce(Standing<'_>) -> Verdict,
    ) -> Result<Arc<Registered>> {
        let server = self.inner.registry.get(id).ok_or(Error::NotFound(Noun::Server))?;
        match server.with_standing(who.user_id, verdict) {
            Verdict::Allowed => Ok(server),
            Verdict::Forbidden(missing) => {
                self.inner.access.entries().record_denial(who, action, &id.to_string());
                Err(Error::Forbidden(format!("{action} needs {} on this server", permission::name(missing))))
            }
            Verdict::Invisible => {
                self.inner.access.entries().record_denial(who, action, &id.to_string());
                Err(Error::NotFound(Noun::Server))
            }
        }
    }
}
