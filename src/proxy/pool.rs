//! Idle connections of this worker thread, by instance: the one used last is used first, and old ones are let go.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    time::Duration,
};

use tokio::time::{Instant, interval};

use crate::{gateway::InstanceId, proxy::upstream::Upstream};

/// Time an idle connection is kept.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval at which idle connections are checked.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Idle connections kept for one instance.
const IDLE_PER_INSTANCE_MAX: usize = 512;

struct IdleConnection {
    upstream: Upstream,
    since: Instant,
}

thread_local! {
    static IDLE: RefCell<HashMap<InstanceId, Vec<IdleConnection>>> = RefCell::default();
    static IS_SWEPT: Cell<bool> = const { Cell::new(false) };
}

/// A connection on which nothing was said since it was put here; `None` where there is none.
pub(super) fn take(instance: InstanceId) -> Option<Upstream> {
    IDLE.with_borrow_mut(|idle| {
        let connections = idle.get_mut(&instance)?;
        while let Some(last) = connections.pop() {
            if last.upstream.is_quiet() {
                return Some(last.upstream);
            }
        }
        None
    })
}

/// Keeps a connection on which a whole exchange ended well.
pub(super) fn put(instance: InstanceId, mut upstream: Upstream) {
    upstream.rest();
    IDLE.with_borrow_mut(|idle| {
        let connections = idle.entry(instance).or_default();
        if connections.len() < IDLE_PER_INSTANCE_MAX {
            connections.push(IdleConnection { upstream, since: Instant::now() });
        }
    });
    if !IS_SWEPT.replace(true) {
        actix_web::rt::spawn(sweep());
    }
}

/// Looks at what is kept until nothing is.
async fn sweep() {
    let mut ticks = interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        let is_empty = IDLE.with_borrow_mut(|idle| {
            idle.retain(|_, connections| {
                connections.retain_mut(|one| one.since.elapsed() < IDLE_CONNECTION_TIMEOUT && one.upstream.is_quiet());
                !connections.is_empty()
            });
            idle.is_empty()
        });
        if is_empty {
            IS_SWEPT.set(false);
            return;
        }
    }
}
