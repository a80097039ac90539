//! Connections to URLs that users configured: the only place that makes them, and checks each address when it is
//! dialled.
//!
//! Knows nothing of MCP, nor of whom a URL belongs to.

#[cfg(feature = "remote")]
mod certificate;
#[cfg(feature = "remote")]
mod close_delimited;
#[cfg(feature = "remote")]
mod conditional;
#[cfg(feature = "remote")]
mod connect;
#[cfg(feature = "remote")]
mod document;
#[cfg(feature = "remote")]
mod encryption;
mod reachable;
pub(crate) mod route;
mod syslog;
#[cfg(feature = "remote")]
mod webhook;

#[cfg(feature = "remote")]
pub(crate) use certificate::distrust;
#[cfg(feature = "telemetry")]
pub(crate) use certificate::reason;
#[cfg(feature = "remote")]
pub(crate) use conditional::{Fetched, NotFetched, Validators, fetch_if_changed};
#[cfg(feature = "remote")]
pub use connect::{client, refusal};
#[cfg(feature = "remote")]
pub use document::{Body, FetchError, fetch, post};
pub use reachable::Reachable;
pub use syslog::SyslogTarget;
#[cfg(feature = "remote")]
pub(crate) use webhook::notify;
