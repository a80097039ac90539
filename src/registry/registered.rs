//! [`Registered`]: one server, and the rights of callers to it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    model::{Permission, Principal, RuntimeStatus, Server, ServerId, Share, Timestamp, UserId},
    policy::{
        mask::Mask,
        permission::{self, AccessDecision, Standing},
    },
    registry::secrets,
    supervisor::{ChildView, Link},
};

/// One registered server.
pub(crate) struct Registered {
    /// Opaque id.
    pub id: ServerId,
    /// With its real secrets; counters are as of loading.
    pub server: ArcSwap<Server>,
    /// Users it is shared with, and their permissions.
    pub shares: ArcSwap<Vec<Share>>,
    /// Hides its secrets in what is recorded and shown.
    pub mask: ArcSwap<Mask>,
    /// Held while that is changed.
    masking: Mutex<()>,
    /// View, output, lists and events of its process, as the supervisor reports them.
    pub link: Link,
    /// One permit for each request it may have in flight; here because the limit is the server's own.
    pub slots: Arc<Semaphore>,
    /// Calls counted since loading, which belong to the counters of [`Server`].
    pub counters: CallCounters,
    /// Held while its configuration or its shares change.
    pub changing: tokio::sync::Mutex<()>,
}

/// Calls counted since loading.
#[derive(Default)]
pub(crate) struct CallCounters {
    calls: AtomicI64,
    errors: AtomicI64,
    execution_time: AtomicI64,
    last_used: ArcSwap<Option<Timestamp>>,
}

impl CallCounters {
    /// Counts a call; `execution_time` in milliseconds.
    pub(crate) fn add(&self, success: bool, execution_time: i64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(i64::from(!success), Ordering::Relaxed);
        self.execution_time.fetch_add(execution_time, Ordering::Relaxed);
        self.last_used.store(Arc::new(Some(Timestamp::now())));
    }

    /// Begins at nothing: what was counted so far has been loaded.
    pub(crate) fn clear(&self) {
        self.calls.store(0, Ordering::Relaxed);
        self.errors.store(0, Ordering::Relaxed);
        self.execution_time.store(0, Ordering::Relaxed);
        self.last_used.store(Arc::default());
    }
}

impl Registered {
    /// A server that may have `max_in_flight` requests in flight.
    pub(crate) fn new(server: Server, shares: Vec<Share>, link: Link, max_in_flight: usize) -> Self {
        Self {
            id: server.id,
            mask: ArcSwap::from_pointee(secrets::mask([&server.config])),
            masking: Mutex::default(),
            server: ArcSwap::from_pointee(server),
            shares: ArcSwap::from_pointee(shares),
            link,
            slots: Arc::new(Semaphore::new(max_in_flight)),
            counters: CallCounters::default(),
            changing: tokio::sync::Mutex::new(()),
        }
    }

    /// Puts the mask that `make` makes of the present one in its place; one after the other, so that none lacks what
    /// another has found out.
    pub(crate) fn change_mask(&self, make: impl FnOnce(&Mask) -> Mask) -> Mask {
        let _alone = self.masking.lock();
        let mask = make(&self.mask.load());
        self.mask.store(Arc::new(mask.clone()));
        mask
    }

    /// Replaces what is shared with `user`.
    pub(crate) fn change_shares(&self, user: UserId, share: Option<Share>) {
        let mut shares = self.shares.load().to_vec();
        shares.retain(|share| share.user_id != user);
        shares.extend(share);
        self.shares.store(Arc::new(shares));
    }

    /// The server as it is now, calls counted and health seen; secrets in clear.
    pub(crate) fn current(&self) -> Server {
        let mut server = Server::clone(&self.server.load());
        let count =
            |total: &mut i64, counted: &AtomicI64| *total = total.saturating_add(counted.load(Ordering::Relaxed));
        count(&mut server.total_calls, &self.counters.calls);
        count(&mut server.total_errors, &self.counters.errors);
        count(&mut server.total_execution_time, &self.counters.execution_time);
        server.last_used_at = self.counters.last_used.load().or(server.last_used_at);
        let view = self.link.view.borrow();
        server.health_status = view.health;
        server.last_health_check = view.checked_at.or(server.last_health_check);
        server
    }

    /// Decides by the standing of `user` with the server: owner, shared with, or neither.
    pub(super) fn with_standing<T>(&self, user: UserId, decide: impl FnOnce(Standing<'_>) -> T) -> T {
        if self.server.load().user_id == user {
            return decide(Standing::Owner);
        }
        let shares = self.shares.load();
        let share = shares.iter().find(|share| share.user_id == user);
        decide(share.map_or(Standing::Stranger, |share| Standing::SharedWith(&share.permissions)))
    }

    /// Verdict on `who` and any one of the `wanted` permissions on the server; names the one that is missing.
    pub(crate) fn verdict(&self, who: &Principal, wanted: &[Permission]) -> AccessDecision {
        self.with_standing(who.user_id, |standing| permission::on_server(&who.permissions, standing, wanted))
    }

    /// True when `who` has any one of the `wanted` permissions on the server.
    pub(crate) fn allows(&self, who: &Principal, wanted: &[Permission]) -> bool {
        self.verdict(who, wanted) == AccessDecision::Allowed
    }

    /// Runtime status of its process; without standard error, where `who` may not read that.
    pub(crate) fn status_for(&self, who: &Principal) -> RuntimeStatus {
        self.status_in(&self.link.view.borrow(), who)
    }

    /// Runtime status of its process when `view` was taken, as far as `who` may see it.
    pub(crate) fn status_in(&self, view: &ChildView, who: &Principal) -> RuntimeStatus {
        let mut status = view.runtime_status();
        if !self.allows(who, permission::READS) {
            status.hide_output();
        }
        status
    }

    /// True when `who` owns the server, or has the rights of its owner.
    pub(crate) fn is_owned_by(&self, who: &Principal) -> bool {
        let verdict = |standing: Standing<'_>| permission::on_ownership(&who.permissions, standing);
        self.with_standing(who.user_id, verdict) == AccessDecision::Allowed
    }

    /// True when `who` owns the server or it is shared with them, and they have any one of the `wanted` permissions on
    /// it.
    pub(crate) fn is_of(&self, who: &Principal, wanted: &[Permission]) -> bool {
        let may = |standing: Standing<'_>| {
            standing != Standing::Stranger
                && permission::on_server(&who.permissions, standing, wanted) == AccessDecision::Allowed
        };
        self.with_standing(who.user_id, may)
    }
}
