//! Ostler: an actor-supervised runtime and gateway for MCP servers.
//!
//! It owns their processes, keeps them alive, guards them, and accounts for every call. The program `ostler` serves it
//! over HTTP; any other program can embed it, with HTTP or without.
//!
//! # A first program
//!
//! A [`Runtime`] keeps everything in one folder. It may be started from any tokio runtime or actix system:
//!
//! ```no_run
//! # use ostler::{Runtime, model::ServerConfig, calls::CallRequest, serde_json::json};
//! # async fn embed() -> ostler::Result<()> {
//! let runtime = Runtime::builder().data_dir("data").start().await?;
//! let me = runtime.embedder();
//!
//! // Registered by the first start of the program, found by later ones, updated where the configuration is another.
//! let files = ServerConfig::new("files", "npx").args(["-y", "@modelcontextprotocol/server-filesystem", "/srv"]);
//! let files = runtime.servers().ensure(me, files).await?.server.id;
//!
//! // The call waits for a server that starts, and is on record before it returns.
//! let notes = CallRequest::new("read_text_file", json!({"path": "/srv/notes.txt"}));
//! println!("{}", runtime.calls().call(me, files, notes).await?.text());
//!
//! // Calls in flight are answered, servers end, what waits to be recorded is.
//! runtime.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A server that crashes is started again. Calls meanwhile wait, up to their own deadline, and [`events`] say what
//! happens:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use ostler::{Error, Runtime, calls::CallRequest, futures_util::StreamExt, model::ServerId, serde_json::json};
//! # async fn watch(runtime: Runtime, files: ServerId) -> ostler::Result<()> {
//! # let me = runtime.embedder();
//! let mut events = runtime.events().follow(me);
//! ostler::tokio::spawn(async move {
//!     while let Some(event) = events.next().await {
//!         println!("{event:?}");
//!     }
//! });
//! let notes = CallRequest::new("read_text_file", json!({"path": "/srv/notes.txt"})).timeout(Duration::from_secs(5));
//! match runtime.calls().call(me, files, notes).await {
//!     Ok(outcome) => println!("{}", outcome.text()),
//!     Err(Error::ToolFailed(failure)) => println!("the tool says no: {failure:?}"),
//!     Err(error) => println!("{}: {error}", error.status()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program with users of its own has an account for each, and calls on their behalf, with the rights of their role:
//!
//! ```no_run
//! # use ostler::{Runtime, calls::CallRequest, model::{Role, ServerId}, serde_json::json};
//! # async fn serve(runtime: Runtime, files: ServerId) -> ostler::Result<()> {
//! let ada = runtime.accounts().ensure(runtime.embedder(), "ada@example.com", "Ada", Role::Executor).await?;
//! let ada = runtime.accounts().on_behalf_of(ada.id).await?;
//! runtime.calls().call(&ada, files, CallRequest::new("list_directory", json!({"path": "/srv"}))).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`http::routes`] mounts REST, `/mcp` and the dashboard in an `App` of actix-web, [`http::serve_until`] stops both in
//! order, and [`testing`] has a runtime for each test.
//!
//! The program is started once more for each server, as its [`guard`]. The programs in `examples` show more:
//! `quickstart`, `crash_and_recover`, `rolling_update`, `embed_in_actix`, `embed_in_axum`, `graceful_stop`,
//! `events`, `several_runtimes`, and `lifecycle`, which takes a server through a script.
//!
//! # What there is
//!
//! [`Runtime`] is the handle, cheap to clone: [`Runtime::builder`] or [`Runtime::start`] with [`runtime::Settings`]
//! makes one, [`Runtime::stop`] ends it in order, and each service has an accessor:
//!
//! | accessor | service |
//! |---|---|
//! | [`Runtime::servers`] | [`servers`]: registered, changed, shared, started, stopped, imported |
//! | [`Runtime::calls`] | [`calls`]: tool calls, and every other request to a server |
//! | [`Runtime::history`] | [`history`]: recorded calls, statistics, changes of health, the overview |
//! | [`Runtime::events`] | [`events`]: live events, as far as their reader may see them |
//! | [`Runtime::listings`] | [`listings`]: tools, prompts and resources of servers, as owners let them be seen |
//! | [`Runtime::secrets`] | [`named_secrets`]: secrets of users, which servers refer to by name |
//! | [`Runtime::accounts`] | [`accounts`]: users, API keys, sessions, passwords |
//! | [`Runtime::access`], [`Runtime::audit_log`] | [`access`]: permissions, rate limits, the audit log |
//! | [`Runtime::services`] | [`gateway`]: services behind the gateway, their figures and health |
//! | [`Runtime::authorizations`] | [`authorizations`]: Ostler as an OAuth client of remote servers |
//! | [`Runtime::revocation`] | [`revocation`]: ends what is open once a right has ended |
//!
//! Every call names its caller, a [`model::Principal`]: [`Runtime::embedder`] is the program itself. Values are in
//! [`model`], failures in [`error`]. Over HTTP: [`http::routes`] for any `App`, or [`http::HttpServer`].
//!
//! All of this is there with the default features. Without any, the library is the supervision core, over SQLite, for
//! servers that are programs, in programs that sign people in by themselves; `http`, `dashboard`, `gateway`, `metrics`,
//! `remote`, `telemetry`, `postgres` and `cli` add to it.
//!
//! Values that Ostler returns, settings and [`Error`] are `#[non_exhaustive]`: they will grow. Settings begin with
//! `Default`, and requests that a program makes have a constructor or take `..Default::default()`.
//!
//! [`demo_server`] stands apart: a small MCP server to try all this with, as [`testing`] does. Modules that are public
//! but not listed here serve the program, its tests and its benchmarks, and change without notice. ARCHITECTURE.md has
//! the map of all.

// Much of the lower rooms is there for the doors.
#![cfg_attr(not(feature = "http"), allow(dead_code, unused_imports))]
// An item is as public as it looks. Here and not in Cargo.toml: tests and benchmarks are crates without callers.
#![deny(unreachable_pub)]

pub mod access;
pub mod accounts;
#[cfg(feature = "http")]
mod api;
#[cfg_attr(not(feature = "remote"), path = "authorizations/off.rs")]
pub mod authorizations;
#[cfg(feature = "http")]
mod bridge;
pub mod calls;
mod catalogue;
pub mod demo_server;
#[cfg(feature = "http")]
mod edge;
pub mod error;
pub mod events;
#[cfg(all(any(test, fuzzing), feature = "http", feature = "telemetry"))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod history;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "remote")]
mod http1;
pub mod listings;
#[doc(hidden)]
pub mod mcp;
#[cfg(feature = "http")]
mod mcp_endpoint;
pub mod model;
pub mod named_secrets;
#[doc(hidden)]
pub mod outbound;
#[doc(hidden)]
pub mod packages;
mod placement;
#[doc(hidden)]
pub mod policy;
#[cfg(feature = "http")]
mod proxy;
#[doc(hidden)]
pub mod recorder;
mod registry;
pub mod revocation;
pub mod runtime;
mod secrets;
pub mod servers;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod supervisor;
mod tasks;
pub mod telemetry;
pub mod testing;
mod timeline;
#[cfg(feature = "http")]
mod web;

pub use error::{Error, Result};
pub use runtime::Runtime;

// Crates in public signatures, re-exported so that an embedding program uses the same versions.
#[cfg(feature = "http")]
pub use actix_web;
pub use {actix, futures_util, secrecy, serde_json, tokio, uuid};

/// Guards the server that this process was started for, or is the demo server of [`testing`], and never returns;
/// otherwise does nothing.
///
/// Ostler starts the program once more for each server, as its guard. With glibc that is seen to before `main`, and
/// nothing is to be called. Other C libraries give no arguments to what runs before `main`: with those, call this first
/// thing in `main`, before any thread is started, or [name](runtime::Builder::guard) a program that does, such as
/// `ostler`. [`Runtime::start`] tries the guard and says what is missing.
pub fn guard() {
    supervisor::guard::enter();
}
