//! Ostler: an actor-supervised runtime and gateway for MCP servers.

pub mod demo_server;
pub mod error;
pub mod http;
pub mod mcp;
pub mod model;
pub mod policy;
pub mod recorder;
pub mod runtime;
pub mod store;
pub mod supervisor;

use std::sync::atomic::{AtomicBool, Ordering};

pub use error::{Error, Result};
pub use runtime::Runtime;

/// Whether [`guard`] was called, so that this program may be started again as a guard.
static MAY_GUARD: AtomicBool = AtomicBool::new(false);

/// Lets this program guard the processes it starts: call it first thing in `main`, before any thread is started.
///
/// Where the program was started as a guard, this does a guard's work and never returns.
pub fn guard() {
    if supervisor::guard::is_called() {
        std::process::exit(supervisor::guard::run());
    }
    MAY_GUARD.store(true, Ordering::Relaxed);
}

/// Whether this program called [`guard`].
fn may_guard() -> bool {
    MAY_GUARD.load(Ordering::Relaxed)
}
