//! Idle connections of this worker thread, by instance: the one used last is used first, and old ones are let go.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, interval, sleep};

use crate::{gateway::InstanceId, policy::keep_alive::SeenIdleLimit, proxy::upstream::Upstream};

/// Interval at which idle connections are checked.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Idle connections kept for one instance.
const IDLE_PER_INSTANCE_MAX: usize = 512;

#[derive(Default)]
struct InstanceConnections {
    idle: Vec<IdleConnection>,
    limit: SeenIdleLimit,
}

struct IdleConnection {
    upstream: Upstream,
    since: Instant,
    kept_for: Duration,
}

impl IdleConnection {
    /// True while it can be used; notes in `limit` what it tells of its instance.
    fn is_usable(&self, limit: &mut SeenIdleLimit) -> bool {
        let (idle, is_open) = (self.since.elapsed(), self.upstream.is_quiet());
        if is_open {
            limit.open(idle)
        } else {
            limit.closed(idle)
        }
        is_open && idle < self.kept_for && !self.upstream.is_outdated()
    }
}

/// A connection on which nothing was said while it was idle.
pub(super) struct Pooled {
    pub(super) upstream: Upstream,
    /// True where it may carry a request that may not be repeated.
    pub(super) is_fresh: bool,
}

/// Times that all were let go of.
static RELEASES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static CONNECTIONS: RefCell<HashMap<InstanceId, InstanceConnections>> = RefCell::default();
    static RELEASES_SEEN: Cell<u64> = const { Cell::new(0) };
    static IS_SWEPT: Cell<bool> = const { Cell::new(false) };
}

/// The connection used last; `None` where there is none.
pub(super) fn take(instance: InstanceId) -> Option<Pooled> {
    CONNECTIONS.with_borrow_mut(|connections| {
        let InstanceConnections { idle, limit } = connections.get_mut(&instance)?;
        while let Some(last) = idle.pop() {
            if last.is_usable(limit) {
                let mut upstream = last.upstream;
                let time = last.since.elapsed();
                upstream.idle = Some(time);
                return Some(Pooled { upstream, is_fresh: limit.is_fresh(time) });
            }
        }
        None
    })
}

/// Keeps a connection on which a whole exchange ended well, for so long at most.
pub(super) fn put(instance: InstanceId, upstream: Upstream, kept_for: Duration) {
    put_idle_since(Instant::now(), instance, upstream, kept_for);
}

fn put_idle_since(since: Instant, instance: InstanceId, mut upstream: Upstream, kept_for: Duration) {
    if kept_for.is_zero() {
        return;
    }
    upstream.rest();
    CONNECTIONS.with_borrow_mut(|connections| {
        let idle = &mut connections.entry(instance).or_default().idle;
        if idle.len() < IDLE_PER_INSTANCE_MAX {
            idle.push(IdleConnection { upstream, since, kept_for });
        }
    });
    if !IS_SWEPT.replace(true) {
        actix_web::rt::spawn(sweep());
    }
}

/// Keeps a connection as [`put`] does once nothing came on it for the time `silence`, not even its end.
pub(super) fn put_once_silent(instance: InstanceId, upstream: Upstream, kept_for: Duration, silence: Duration) {
    let since = Instant::now();
    actix_web::rt::spawn(async move {
        sleep(silence).await;
        if upstream.is_quiet() {
            put_idle_since(since, instance, upstream, kept_for);
            with_limit(instance, |limit| limit.open(silence));
        }
    });
}

/// True when the instance was seen to keep connections after a response.
pub(super) fn keeps(instance: InstanceId) -> bool {
    CONNECTIONS.with_borrow(|connections| connections.get(&instance).is_some_and(|known| known.limit.keeps()))
}

/// Notes that a connection of the instance was closed when it had been idle for `idle`, if it was.
pub(super) fn note_closed(instance: InstanceId, idle: Option<Duration>) {
    if let Some(idle) = idle {
        with_limit(instance, |limit| limit.closed(idle));
    }
}

fn with_limit(instance: InstanceId, note: impl FnOnce(&mut SeenIdleLimit)) {
    CONNECTIONS.with_borrow_mut(|connections| {
        if let Some(known) = connections.get_mut(&instance) {
            note(&mut known.limit);
        }
    });
}

/// Lets go of all idle connections, as they hold ports and descriptors that are needed: here at once, on other threads
/// within a second.
pub(super) fn release_all() {
    RELEASES.fetch_add(1, Relaxed);
    release();
}

/// Resets what is idle here: a port that is closed in good order is not free for a minute.
fn release() {
    RELEASES_SEEN.set(RELEASES.load(Relaxed));
    let released = CONNECTIONS.take();
    for one in released.values().flat_map(|connections| &connections.idle) {
        // One that cannot be reset is closed all the same.
        let _ = rustix::net::sockopt::set_socket_linger(&one.upstream.stream, Some(Duration::ZERO));
    }
}

/// Looks at what is kept until nothing is.
async fn sweep() {
    let mut ticks = interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        if RELEASES_SEEN.get() != RELEASES.load(Relaxed) {
            release();
        }
        let is_empty = CONNECTIONS.with_borrow_mut(|connections| {
            connections.retain(|_, InstanceConnections { idle, limit }| {
                idle.retain(|one| one.is_usable(limit));
                !idle.is_empty()
            });
            connections.is_empty()
        });
        if is_empty {
            IS_SWEPT.set(false);
            return;
        }
    }
}
