//! Registering, changing, starting, stopping and watching servers.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{
        HealthStatus, NewServer, OutputLine, Page, PageRequest, Principal, RuntimeStatus, Server, ServerChange,
        ServerId, Share, Timestamp, UserId,
    },
    runtime::Runtime,
};

/// A server, its process, and nothing secret: `env` values in `server.config.env` are masked.
#[derive(Clone, Debug)]
pub struct ServerDetails {
    /// The server as registered, with masked `env` values.
    pub server: Server,
    /// What its process is doing.
    pub runtime_status: RuntimeStatus,
    /// Changes whenever the configuration does; for `ETag` and `If-Match`, without quotes.
    pub revision: String,
}

/// The health of one server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerHealth {
    /// Opaque id.
    #[schema(value_type = String)]
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Whether it answers.
    pub healthy: bool,
    /// In one word.
    pub status: HealthStatus,
    /// When it was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_check: Option<Timestamp>,
}

/// How many servers are well.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct HealthSummary {
    /// All the caller may see.
    pub total: usize,
    /// Of those, `HEALTHY`.
    pub healthy: usize,
    /// The others.
    pub unhealthy: usize,
}

/// The health of all servers a caller may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// Counted.
    pub summary: HealthSummary,
    /// One by one.
    pub servers: Vec<ServerHealth>,
}

/// Totals over every server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Servers registered.
    pub total_servers: usize,
    /// Servers by health status.
    pub by_status: std::collections::BTreeMap<String, usize>,
    /// Calls on record.
    pub total_calls: i64,
    /// Of those, failed.
    pub total_errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub total_execution_time: i64,
    /// The mean, in milliseconds.
    pub average_execution_time: f64,
    /// Restarts after failures since Ostler started.
    pub restarts: u64,
}

impl Runtime {
    /// The caller's own servers and those shared with them.
    pub fn servers(&self, _who: &Principal, _page: &PageRequest) -> Result<Page<ServerDetails>> {
        unimplemented!()
    }
    /// Every server (`mcp:manage`).
    pub fn all_servers(&self, _who: &Principal, _page: &PageRequest) -> Result<Page<ServerDetails>> {
        unimplemented!()
    }
    /// Totals (`mcp:manage`).
    pub fn statistics(&self, _who: &Principal) -> Result<Statistics> {
        unimplemented!()
    }
    /// One server.
    pub fn server(&self, _who: &Principal, _id: ServerId) -> Result<ServerDetails> {
        unimplemented!()
    }
    /// Registers a server, and starts it if enabled; does not wait for it.
    pub async fn create_server(&self, _who: &Principal, _new: NewServer) -> Result<ServerDetails> {
        unimplemented!()
    }
    /// Changes a server; a running one is replaced without losing a call. `if_match` is a revision the caller saw.
    pub async fn update_server(
        &self,
        _who: &Principal,
        _id: ServerId,
        _change: ServerChange,
        _if_match: Option<&str>,
    ) -> Result<ServerDetails> {
        unimplemented!()
    }
    /// Removes a server; its process ends.
    pub async fn delete_server(&self, _who: &Principal, _id: ServerId) -> Result<()> {
        unimplemented!()
    }
    /// Starts a server; returns once it is ready.
    pub async fn start_server(&self, _who: &Principal, _id: ServerId) -> Result<RuntimeStatus> {
        unimplemented!()
    }
    /// Stops a server; returns once its process tree is gone.
    pub async fn stop_server(&self, _who: &Principal, _id: ServerId) -> Result<RuntimeStatus> {
        unimplemented!()
    }
    /// Stops and starts a server; returns once it is ready again.
    pub async fn restart_server(&self, _who: &Principal, _id: ServerId) -> Result<RuntimeStatus> {
        unimplemented!()
    }
    /// The server's tools, each as the server describes it; waits for a starting server.
    pub async fn tools(&self, _who: &Principal, _id: ServerId) -> Result<Arc<Vec<Arc<RawValue>>>> {
        unimplemented!()
    }
    /// Asks every server the caller may see how it is, now.
    pub async fn check_health(&self, _who: &Principal) -> Result<HealthReport> {
        unimplemented!()
    }
    /// What the server wrote on standard error, oldest first, as far as it is kept.
    pub fn output(&self, _who: &Principal, _id: ServerId) -> Result<Vec<OutputLine>> {
        unimplemented!()
    }
    /// Wakes with every line after `seq`; ends when the server is removed.
    pub fn follow_output(
        &self,
        _who: &Principal,
        _id: ServerId,
        _after: u64,
    ) -> Result<futures_util::stream::BoxStream<'static, OutputLine>> {
        unimplemented!()
    }
    /// Who else may use the server.
    pub fn shares(&self, _who: &Principal, _id: ServerId) -> Result<Vec<Share>> {
        unimplemented!()
    }
    /// Lets somebody else use the server, or changes how.
    pub async fn share(&self, _who: &Principal, _id: ServerId, _share: Share) -> Result<Share> {
        unimplemented!()
    }
    /// Ends that.
    pub async fn unshare(&self, _who: &Principal, _id: ServerId, _user: UserId) -> Result<()> {
        unimplemented!()
    }
    /// Stops and removes the servers of an account that is being deleted, in the transaction given by the caller's write.
    pub(super) async fn forget_servers_of(&self, _user: UserId, _ids: Vec<ServerId>) {
        unimplemented!()
    }
}
