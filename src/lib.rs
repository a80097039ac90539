//! Ostler: an actor-supervised runtime and gateway for MCP servers.
//!
//! It owns their processes, keeps them alive, guards them, and accounts for every call. The program `ostler` serves it
//! over HTTP; any other program can embed it, with HTTP or without:
//!
//! ```no_run
//! # use ostler::{Runtime, model::ServerConfig, calls::CallRequest, serde_json::json};
//! # async fn embed() -> ostler::Result<()> {
//! let runtime = Runtime::builder().data_dir("data").start().await?;
//! let files = ServerConfig::new("files", "npx").args(["-y", "@modelcontextprotocol/server-filesystem", "/srv"]);
//! let server = runtime.servers().create(runtime.embedder(), files).await?.server;
//! let call = CallRequest::new("read_text_file", json!({"path": "/srv/notes.txt"}));
//! println!("{}", runtime.calls().call(runtime.embedder(), server.id, call).await?.text());
//! # Ok(())
//! # }
//! ```
//!
//! Two things come before that: [`guard`], called first thing in `main`, and a running actix system. The programs in
//! `examples` show both: `quickstart`, `crash_and_recover`, `rolling_update`, `embed_in_actix`.
//!
//! # Where to read on
//!
//! A request meets the rooms in this order, and each uses those after it only:
//!
//! 1. [`http`]: the URL table, [`http::HttpServer`], and [`http::routes`] for any `App`. The doors behind it, the edge
//!    of connections, and what doors share are rooms of their own.
//! 2. [`runtime`]: [`Runtime`], the handle that HTTP, examples and embedders all call: start, stop, and one accessor
//!    for each service.
//! 3. Services: [`servers`]: servers and commands to them; [`calls`]: tool calls and other requests to servers;
//!    [`history`]: recorded calls, rollups, changes of health, the overview; `placement`: which process serves a
//!    caller; [`gateway`]: services behind the gateway, and their health; [`listings`]: what servers list, as owners
//!    let it be seen; [`events`]: live events, as far as their readers may see them; [`authorizations`]: Ostler as an
//!    OAuth client of remote servers; [`revocation`]: ends what is open once a right has ended; `registry`: registered
//!    servers and who may reach them; [`accounts`]: users, keys, sessions, token issuers; [`access`]: permissions,
//!    denials on record, rate limits, the audit log.
//! 4. [`supervisor`] decides what starts, restarts and ends, with a guard for each process; [`recorder`] commits every
//!    call before it is answered; [`telemetry`] tells a collector what happened.
//! 5. [`mcp`]: the protocol, without I/O. [`store`]: the databases. [`timeline`]: what servers said, in files.
//! 6. [`policy`]: decisions as pure functions. [`model`]: the values all of them speak in. [`error`]: what can go
//!    wrong.
//!
//! [`demo_server`] stands apart: a small MCP server to try all this with.

pub mod access;
pub mod accounts;
mod api;
pub mod authorizations;
mod bridge;
pub mod calls;
pub mod demo_server;
mod edge;
pub mod error;
pub mod events;
pub mod gateway;
pub mod history;
pub mod http;
mod http1;
pub mod listings;
pub mod mcp;
mod mcp_endpoint;
pub mod model;
#[doc(hidden)]
pub mod outbound;
mod placement;
pub mod policy;
mod proxy;
pub mod recorder;
mod registry;
pub mod revocation;
pub mod runtime;
mod secrets;
pub mod servers;
pub mod store;
pub mod supervisor;
mod tasks;
pub mod telemetry;
pub mod timeline;
mod web;

use std::sync::atomic::{AtomicBool, Ordering};

pub use error::{Error, Result};
pub use runtime::Runtime;

// Crates in public signatures, re-exported so that an embedding program uses the same versions.
pub use {actix, actix_web, secrecy, serde_json};

/// True once [`guard`] was called, so that this program may be started again as a guard.
static MAY_GUARD: AtomicBool = AtomicBool::new(false);

/// Lets this program guard the processes it starts: call it first thing in `main`, before any thread is started.
///
/// In a process that was started as a guard, this does a guard's work and never returns.
pub fn guard() {
    if supervisor::guard::is_called() {
        std::process::exit(supervisor::guard::run());
    }
    MAY_GUARD.store(true, Ordering::Relaxed);
}

/// True when this program called [`guard`].
fn may_guard() -> bool {
    MAY_GUARD.load(Ordering::Relaxed)
}
