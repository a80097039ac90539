//! Registered servers in memory: configuration, shares and the check of permissions, without an actor or the database.
//!
//! Knows nothing of processes, lists and consents; the services that keep those key them by [`ServerId`].

mod registered;
pub(crate) mod secrets;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::{
    access::Access,
    error::{Error, Noun, Result},
    model::{Permission, Principal, ServerId, TimelineLevel},
    policy::permission::{self, AccessDecision, Standing},
};

pub(crate) use registered::Registered;

/// Every registered server; a snapshot that is replaced whole when one comes or goes.
pub(crate) struct Registry {
    access: Arc<Access>,
    servers: ArcSwap<BTreeMap<ServerId, Arc<Registered>>>,
    changing: Mutex<()>,
}

impl Registry {
    /// No servers; `access` records callers that were denied one.
    pub(crate) fn new(access: Arc<Access>) -> Self {
        Self { access, servers: ArcSwap::default(), changing: Mutex::default() }
    }

    /// The server with this id; checks no permission.
    pub(crate) fn get(&self, id: ServerId) -> Option<Arc<Registered>> {
        self.servers.load().get(&id).cloned()
    }

    /// Puts a warning on the timeline of a server; drops it where the server is removed.
    pub(crate) fn warn(&self, id: ServerId, text: &str) {
        if let Some(server) = self.get(id) {
            server.link.add_note(TimelineLevel::Warn, text);
        }
    }

    /// Every server, oldest first.
    pub(crate) fn all(&self) -> Arc<BTreeMap<ServerId, Arc<Registered>>> {
        self.servers.load_full()
    }

    /// Adds a server, or replaces the one with its id.
    pub(crate) fn insert(&self, server: Registered) -> Arc<Registered> {
        let server = Arc::new(server);
        self.change(|servers| {
            servers.insert(server.id, server.clone());
        });
        server
    }

    /// Takes a server out.
    pub(crate) fn remove(&self, id: ServerId) -> Option<Arc<Registered>> {
        let mut removed = None;
        self.change(|servers| removed = servers.remove(&id));
        removed
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<ServerId, Arc<Registered>>)) {
        let _alone = self.changing.lock();
        let mut servers = BTreeMap::clone(&self.servers.load());
        change(&mut servers);
        self.servers.store(Arc::new(servers));
    }

    /// The server, if `who` may do what any of `wanted` allows; `action` is for the audit where they may not.
    pub(crate) fn reach(
        &self,
        who: &Principal,
        id: ServerId,
        wanted: &[Permission],
        action: &str,
    ) -> Result<Arc<Registered>> {
        self.decide(who, id, action, |standing| permission::on_server(&who.permissions, standing, wanted))
    }

    /// The server, if `who` may delete it and share it.
    pub(crate) fn reach_as_owner(&self, who: &Principal, id: ServerId, action: &str) -> Result<Arc<Registered>> {
        self.decide(who, id, action, |standing| permission::on_ownership(&who.permissions, standing))
    }

    fn decide(
        &self,
        who: &Principal,
        id: ServerId,
        action: &str,
        verdict: impl FnOnce(Standing<'_>) -> AccessDecision,
    ) -> Result<Arc<Registered>> {
        let server = self.get(id).ok_or(Error::NotFound(Noun::Server))?;
        match server.with_standing(who.user_id, verdict) {
            AccessDecision::Allowed => Ok(server),
            AccessDecision::Forbidden(missing) => {
                self.access.entries().record_denial(who, action, &id.to_string());
                Err(Error::Forbidden(format!("{action} needs {} on this server", permission::name(missing))))
            }
            AccessDecision::Invisible => {
                self.access.entries().record_denial(who, action, &id.to_string());
                Err(Error::NotFound(Noun::Server))
            }
        }
    }

    /// The servers with which `who` may do what any of `wanted` allows, oldest first.
    pub(crate) fn visible(&self, who: &Principal, wanted: &[Permission], action: &str) -> Result<Vec<Arc<Registered>>> {
        self.access.require_any(who, wanted, action)?;
        Ok(self.all().values().filter(|server| server.allows(who, wanted)).cloned().collect())
    }
}
