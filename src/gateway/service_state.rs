//! [`SharedServiceState`], which outlives replacements of a service: its limits and budget, its counters, and instances
//! on their way out.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    error::RateLimited,
    gateway::{counters::Counters, instance::Instance},
    model::ServiceLimit,
    policy::{
        rate::{Limit, Windows},
        retry::Budget,
    },
};

/// Shared by all registrations of one name.
#[derive(Default)]
pub(super) struct SharedServiceState {
    limit: Mutex<Option<Windows<String>>>,
    budget: Mutex<Budget>,
    /// Held while it is decided whether one more may be ejected.
    pub(super) ejecting: Mutex<()>,
    /// Requests over the rate limit, that no instance could take, and that were sent once more.
    pub(super) limited: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) retried: AtomicU64,
    /// Instances that were replaced with requests in flight, and the figures of those that have none any more.
    leaving: Mutex<Vec<Arc<Instance>>>,
    left: Counters,
    draining: AtomicBool,
    idle: Notify,
}

impl SharedServiceState {
    /// Another limit begins with nothing counted; the same one goes on.
    pub(super) fn set_limit(&self, limit: Option<ServiceLimit>) {
        let wanted = limit.map(|ServiceLimit { window, max }| Limit { quota: max, window });
        let mut windows = self.limit.lock();
        if windows.as_ref().map(Windows::limit) != wanted {
            *windows = wanted.map(Windows::new);
        }
    }

    /// Counts a request of `caller`, or says that there were too many.
    pub(super) fn admit(&self, caller: &str, now: Duration) -> Result<(), RateLimited> {
        let mut windows = self.limit.lock();
        let Some(windows) = &mut *windows else { return Ok(()) };
        let Limit { quota, window } = windows.limit();
        windows.take(caller.to_owned(), now).map(|_| ()).map_err(|retry_after| {
            self.limited.fetch_add(1, Relaxed);
            RateLimited { policy: "service", setting: None, quota, window, retry_after }
        })
    }

    /// Counts a request, which earns a part of a retry.
    pub(super) fn request(&self, now: Duration) {
        self.budget.lock().request(now);
    }

    /// Takes a retry, where there is one left.
    pub(super) fn retry(&self, now: Duration) -> bool {
        let may = self.budget.lock().retry(now);
        if may {
            self.retried.fetch_add(1, Relaxed);
        }
        may
    }

    /// Takes over instances that were replaced, and lets go of those that have no request in flight.
    pub(super) fn release(&self, gone: impl Iterator<Item = Arc<Instance>>) {
        let mut leaving = self.leaving.lock();
        leaving.extend(gone);
        leaving.retain(|instance| {
            let busy = instance.in_flight() > 0;
            if !busy {
                self.left.absorb(&instance.counters);
            }
            busy
        });
    }

    /// Adds what instances that were replaced did, and still do.
    pub(super) fn add_to(&self, all: &Counters) {
        let leaving = self.leaving.lock();
        all.absorb(&self.left);
        leaving.iter().for_each(|instance| all.absorb(&instance.counters));
    }

    /// Requests in flight on instances that were replaced.
    pub(super) fn in_flight(&self) -> u64 {
        self.leaving.lock().iter().map(|instance| u64::from(instance.in_flight.load(SeqCst))).sum()
    }

    /// Waits until `is_idle`; it is asked whenever an instance has no request in flight any more.
    pub(super) async fn drained(&self, is_idle: impl Fn() -> bool) {
        self.draining.store(true, SeqCst);
        loop {
            // Listens before it looks, so that no end is missed in between.
            let ended = self.idle.notified();
            if is_idle() {
                return;
            }
            ended.await;
        }
    }

    /// Wakes those that wait for the end of requests: an instance has none in flight any more.
    pub(super) fn on_idle(&self) {
        if self.draining.load(SeqCst) {
            self.idle.notify_waiters();
        }
    }
}
