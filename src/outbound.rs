//! Connections to URLs that users configured: the only place that makes them, and checks each address when it is
//! dialled.
//!
//! Knows nothing of MCP, nor of whom a URL belongs to.

mod certificate;
mod close_delimited;
mod connect;
mod document;
mod encryption;
pub(crate) mod route;

pub(crate) use certificate::distrust;
#[cfg(feature = "telemetry")]
pub(crate) use certificate::reason;
pub use connect::{Reachable, client, refusal};
pub use document::{Body, FetchError, fetch, post};
