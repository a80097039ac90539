//! Entries of the catalogue's further sources: folders of `server.json` files, and registries elsewhere (MCP registry
//! API v0.1). Read in the background, kept in memory and in the data folder; what is there stays while a source fails.
//!
//! Nothing is asked that the operator did not name.

mod folder;
mod kept;
#[cfg(not(feature = "remote"))]
#[path = "catalogue/no_registry.rs"]
mod registry;
#[cfg(feature = "remote")]
mod registry;
mod service;

pub(crate) use service::{Catalogue, SourceState};
