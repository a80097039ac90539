//! Ostler: an actor-supervised runtime and gateway for MCP servers.
pub mod error;
pub mod http;
pub mod model;
pub mod policy;
pub mod recorder;
pub mod runtime;
pub mod store;

pub use error::{Error, Result};
pub use runtime::Runtime;

/// Becomes a guard and never returns, where this process was started as one.
pub fn guard() {}
