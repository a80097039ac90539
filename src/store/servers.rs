//! Table `mcp_servers`; rows with `deleted_at` are invisible here.

use crate::{
    error::Result,
    model::{HealthStatus, ServerConfig, ServerId, Timestamp, UserId},
    store::Connection,
};

/// A server as stored: `env` is the sealed text of the JSON object, opaque here.
#[derive(Clone, Debug)]
pub struct StoredServer {
    /// The server; its `config.env` is empty here.
    pub server: crate::model::Server,
    /// The environment as sealed by the runtime.
    pub sealed_env: String,
}

/// Calls of one server, counted by the recorder since the last commit.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Which server.
    pub server_id: ServerId,
    /// Calls.
    pub calls: i64,
    /// Failed ones.
    pub errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub execution_time: i64,
    /// When the last one ended.
    pub last_used_at: Timestamp,
}

/// Adds a server.
pub fn insert(_db: &mut Connection, _server: &StoredServer) -> Result<()> {
    unimplemented!()
}

/// Writes a changed configuration; false where there is no such server.
pub fn update_config(
    _db: &mut Connection,
    _id: ServerId,
    _config: &ServerConfig,
    _sealed_env: &str,
    _at: Timestamp,
) -> Result<bool> {
    unimplemented!()
}

/// Marks a server deleted and drops its shares; false where there is none.
pub fn soft_delete(_db: &mut Connection, _id: ServerId, _at: Timestamp) -> Result<bool> {
    unimplemented!()
}

/// Marks every server of an account deleted and returns their ids.
pub fn soft_delete_of_user(_db: &mut Connection, _user: UserId, _at: Timestamp) -> Result<Vec<ServerId>> {
    unimplemented!()
}

/// Every server, oldest first.
pub fn all(_db: &mut Connection) -> Result<Vec<StoredServer>> {
    unimplemented!()
}

/// Writes what health is now, and when it was looked at.
pub fn set_health(_db: &mut Connection, _id: ServerId, _status: HealthStatus, _at: Timestamp) -> Result<()> {
    unimplemented!()
}

/// Adds counted calls.
pub fn add_tallies(_db: &mut Connection, _tallies: &[Tally]) -> Result<()> {
    unimplemented!()
}
