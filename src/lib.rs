//! Ostler: an actor-supervised runtime and gateway for MCP servers.
pub mod error;
pub mod http;
pub mod mcp;
pub mod model;
pub mod policy;
pub mod recorder;
pub mod runtime;
pub mod store;
pub mod supervisor;

pub use error::{Error, Result};
pub use runtime::Runtime;
