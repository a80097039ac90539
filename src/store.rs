//! The database: the only place that knows diesel. One file per table, SQLite and PostgreSQL.
//!
//! Reads run on a pool ([`Store::read`]); writes belong to the recorder, which owns the one [`Connection`] that
//! [`Store::writer`] opens. Functions in the table modules are plain, synchronous, and take a connection.

mod access_mode;
pub mod audit;
pub(crate) mod audit_adoption;
pub mod audit_chain;
pub(crate) mod audit_relinking;
pub(crate) mod audit_retention;
pub mod call_bytes;
pub mod calls;
mod checkpoint;
mod connection;
pub mod consents;
mod database;
mod disk_reserve;
pub mod disk_usage;
mod examination;
mod fault;
mod file_lock;
pub mod health;
mod imprint;
pub mod keys;
pub mod listings;
mod log_index;
pub mod mcp_sessions;
pub mod migration;
pub mod occupancy;
mod opened_files;
pub mod package_pins;
mod page;
pub mod pins;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
pub mod rollups;
mod schema;
mod sealed;
pub mod servers;
pub mod services;
pub mod sessions;
pub mod shares;
mod sqlite_file;
mod stamp;
pub(crate) mod templates;
mod text;
mod url;
pub mod user_secrets;
pub mod users;

pub(crate) use checkpoint::Checkpointer;
pub use connection::Connection;
pub use database::Store;
pub(crate) use fault::{is_damage, is_read_only, is_silence};
pub(crate) use file_lock::FileLock;
pub(crate) use occupancy::is_taken;
pub use occupancy::{Occupancy, Occupied};
#[cfg(any(test, fuzzing))]
pub(crate) use page::Slice;
pub use url::DatabaseUrl;
