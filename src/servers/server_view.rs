//! Servers as JSON shows them: values of variables and headers are masked.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::{
    model::{
        Authorization, EffectiveSandbox, Grant, HealthStatus, Isolation, Limits, PackageCure, Protocol, RemoteOAuth,
        RuntimeStatus, Sandbox, Server, ServerId, Timestamp, ToolRules, UserId, new_server::Transport,
    },
    policy::refusal,
    servers::ServerDetails,
};

/// A server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Server)]
pub(crate) struct ServerView {
    /// Opaque id.
    #[schema(value_type = String)]
    id: ServerId,
    /// The account that owns it.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The name that its owner gave it.
    name: String,
    /// Its purpose.
    description: Option<String>,
    /// Transport between Ostler and it.
    transport: Transport,
    /// The program; empty where there is a `url`.
    command: String,
    /// Its arguments.
    args: Vec<String>,
    /// Variables added to its environment, their values masked but for references to secrets.
    env: BTreeMap<String, String>,
    /// Its working directory; `null` for a folder of its own.
    cwd: Option<String>,
    /// The endpoint of a server that is no program of this machine.
    url: Option<String>,
    /// Headers sent there, their values masked but for references to secrets.
    headers: BTreeMap<String, String>,
    /// Parts of its OAuth that were given, the client secret masked; `null` where there is no `url`.
    oauth: Option<RemoteOAuth>,
    /// Sharing of its processes.
    isolation: Isolation,
    /// Rules for the tools of it that are shown and callable.
    tools: ToolRules,
    /// Revisions of the protocol to speak with it.
    protocol: Protocol,
    /// Longest time for it to become ready, in milliseconds; `null` for `MCP_START_TIMEOUT_MS`.
    start_timeout_ms: Option<u64>,
    /// Bounds of what its processes may reach.
    sandbox: Sandbox,
    /// Bounds of what its processes may use.
    limits: Limits,
    /// True when it starts with Ostler.
    enabled: bool,
    /// Health in one word.
    health_status: HealthStatus,
    /// Calls on record.
    total_calls: i64,
    /// When its last call ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When its health was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_health_check: Option<Timestamp>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its configuration last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Server> for ServerView {
    fn from(server: Server) -> Self {
        let transport = if server.config.remote.is_some() { Transport::StreamableHttp } else { Transport::Stdio };
        let start_timeout_ms = server.config.start_timeout_ms();
        let oauth = server.config.remote.as_ref().map(|remote| remote.oauth.clone());
        let (url, headers) = server.config.remote.map(|remote| (remote.url, remote.headers)).unzip();
        Self {
            transport,
            url,
            headers: headers.unwrap_or_default(),
            oauth,
            isolation: server.config.isolation,
            tools: server.config.tools,
            protocol: server.config.protocol,
            start_timeout_ms,
            sandbox: server.config.sandbox,
            limits: server.config.limits,
            id: server.id,
            user_id: server.user_id,
            name: server.config.name,
            description: server.config.description,
            command: server.config.command,
            args: server.config.args,
            env: server.config.env,
            cwd: server.config.cwd,
            enabled: server.config.enabled,
            health_status: server.health_status,
            total_calls: server.total_calls,
            last_used_at: server.last_used_at,
            last_health_check: server.last_health_check,
            created_at: server.created_at,
            updated_at: server.updated_at,
        }
    }
}

/// A server with its figures and its process.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerDetails)]
pub(crate) struct DetailsView {
    server: ServerView,
    stats: Stats,
    runtime_status: RuntimeStatus,
    /// State of its authorization, where it is remote and wants OAuth.
    authorization: Option<Authorization>,
    /// The sandbox that its processes have in effect; `null` for a server at a URL, and for callers who may not
    /// configure it.
    effective_sandbox: Option<EffectiveSandbox>,
    /// Limits in force for its processes: its own, and the usual ones where it names none. `null` is no bound; of
    /// `openFiles`, 1024 that a program may raise to 8192.
    limits: Limits,
    /// Warnings about items that it lists and not every client takes, what became of them at `/mcp`, and texts of tools
    /// that speak to the model; empty for callers who may not configure it.
    warnings: Vec<String>,
    /// Tools that wait to be accepted; 0 for callers who may not configure it.
    waiting_tools: usize,
    /// Changes of what its package is resolved to, by which it starts where it failed without; empty for callers who
    /// may not configure it.
    package_cures: Vec<PackageCure>,
    /// A change that would allow what its sandbox refused: to a tool of its process, else to the process before; `null`
    /// where there is none, and for callers who may not configure it.
    suggestion: Option<Suggestion>,
}

/// A change of a server that grants what its sandbox refused. It rests on what the server wrote, so a person decides.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Suggestion {
    /// The one member that differs.
    setting: &'static str,
    /// The grant that it adds.
    grant: Grant,
    /// Body for `PUT /api/mcp/{id}`.
    change: SuggestedChange,
}

/// A body that replaces the sandbox of a server.
#[derive(Debug, Serialize, ToSchema)]
struct SuggestedChange {
    /// The whole new sandbox.
    sandbox: Sandbox,
}

impl Suggestion {
    /// The grant that a process of a server lacked, added to the sandbox that the server has by now.
    fn of(details: &ServerDetails) -> Option<Self> {
        let RuntimeStatus { refusal, last_exit, .. } = &details.runtime_status;
        let of_exit = || last_exit.as_ref()?.refusal.as_ref();
        let refusal = refusal.as_ref().or_else(of_exit)?;
        let grant = refusal.grant.clone().filter(|_| details.is_configurable)?;
        let sandbox = refusal::granted(&details.server.config.sandbox, &grant)?;
        Some(Self { setting: grant.setting(), grant, change: SuggestedChange { sandbox } })
    }
}

/// The view of the API: values of variables and headers are masked.
impl Serialize for ServerDetails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DetailsView::from(self.clone()).serialize(serializer)
    }
}

impl From<ServerDetails> for DetailsView {
    fn from(details: ServerDetails) -> Self {
        let stats = Stats::of(&details.server);
        let suggestion = Suggestion::of(&details);
        Self {
            suggestion,
            server: details.server.into(),
            stats,
            runtime_status: details.runtime_status,
            authorization: details.authorization,
            effective_sandbox: details.sandbox,
            limits: details.limits,
            warnings: details.warnings.to_vec(),
            waiting_tools: details.waiting_tools,
            package_cures: details.package_cures,
        }
    }
}

/// The figures of a server's calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Stats {
    /// Calls on record.
    total_calls: i64,
    /// Of those, failed.
    total_errors: i64,
    /// The mean of their execution times, in milliseconds; 0 before the first call.
    average_execution_time: f64,
    /// Their execution times, summed, in milliseconds.
    total_execution_time: i64,
}

impl Stats {
    #[expect(clippy::as_conversions, reason = "a mean may lose what is past 2^53 ms")]
    fn of(server: &Server) -> Self {
        let mean = server.total_execution_time as f64 / server.total_calls.max(1) as f64;
        Self {
            total_calls: server.total_calls,
            total_errors: server.total_errors,
            average_execution_time: mean,
            total_execution_time: server.total_execution_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerConfig;

    #[test]
    fn a_server_that_was_never_called_has_a_mean_of_zero() {
        let config = ServerConfig::new("files", "node");
        let server = Server::registered(UserId::new(), config);
        assert_eq!(Stats::of(&server).average_execution_time, 0.0);
        let called = Server { total_calls: 156, total_execution_time: 7051, ..server };
        assert!((Stats::of(&called).average_execution_time - 45.2).abs() < 0.1);
        let shown = serde_json::to_value(ServerView::from(called)).unwrap();
        assert_eq!(shown["healthStatus"], "UNKNOWN");
        assert_eq!(shown["totalCalls"], 156);
    }
}
