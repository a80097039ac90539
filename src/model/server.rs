//! MCP servers as their owners describe them.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{
    HealthStatus, LauncherUse, Limits, Permission, Sandbox, ServerId, Timestamp, ToolPinning, UserId,
    hidden::{Names, shown},
};

/// A server's configuration: the part that its owner writes.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Name that its owner gave it.
    pub name: String,
    /// Description of its purpose.
    pub description: Option<String>,
    /// A program, by path or found on `PATH`; never given to a shell.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to its environment; the values are secrets.
    pub env: BTreeMap<String, String>,
    /// Its working directory, an absolute path; `None` for a folder of Ostler's.
    pub cwd: Option<String>,
    /// True when it starts with Ostler.
    pub enabled: bool,
    /// URL and headers of a remote server; `command`, `args` and `env` are empty then.
    pub remote: Option<Remote>,
    /// Callers that share one process of it.
    pub isolation: Isolation,
    /// Rules for its tools: visible and callable ones, and their descriptions.
    pub tools: ToolRules,
    /// Revisions of the protocol to speak with it.
    pub protocol: Protocol,
    /// Treatment of the launcher (`npx`, `uvx` and the like) that its command line names; `None` for the usual one.
    pub launcher: Option<LauncherUse>,
    /// Longest time for it to become ready; `None` for the usual one.
    pub start_timeout: Option<Duration>,
    /// Bounds of what its processes may reach.
    pub sandbox: Sandbox,
    /// Bounds of what they may use.
    pub limits: Limits,
    /// True when files and folders that its command line and its environment name are granted to it: who wrote these
    /// last might write any command line.
    pub grants_paths: bool,
}

/// A server that is reached over HTTP (specification, transports/streamable-http).
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its endpoint, `http` or `https`.
    pub url: String,
    /// Sent with every request; the values are secrets.
    pub headers: BTreeMap<String, String>,
    /// Parts of OAuth that are given, not discovered.
    pub oauth: RemoteOAuth,
}

/// Parts of a remote server's OAuth that its owner gives: each replaces what metadata say, or what they do not say.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RemoteOAuth {
    /// The authorization server's issuer, which its metadata and its responses name.
    pub issuer: Option<String>,
    /// Its authorization endpoint; with a `tokenEndpoint`, no metadata of it are read.
    pub authorization_endpoint: Option<String>,
    /// Its token endpoint.
    pub token_endpoint: Option<String>,
    /// Its endpoint for dynamic registration.
    pub registration_endpoint: Option<String>,
    /// The resource that tokens are for (RFC 8707); empty, and no `resource` is sent.
    pub resource: Option<String>,
    /// The scopes to request.
    pub scopes: Option<Vec<String>>,
    /// Client id of Ostler, where it was registered there by hand.
    pub client_id: Option<String>,
    /// Client secret that belongs to it; kept encrypted and shown masked.
    pub client_secret: Option<String>,
    /// True when it does PKCE with S256, though its metadata do not say so.
    pub pkce: bool,
}

impl fmt::Debug for RemoteOAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, client_id, client_secret: _, .. } = self;
        f.debug_struct("RemoteOAuth").field("issuer", issuer).field("client_id", client_id).finish_non_exhaustive()
    }
}

impl Remote {
    /// A server at `url`, nothing sent along.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: BTreeMap::new(), oauth: RemoteOAuth::default() }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, headers, oauth } = self;
        f.debug_struct("Remote").field("url", url).field("headers", &Names(headers)).field("oauth", oauth).finish()
    }
}

/// Callers that share one process of a server. Over pipes, a request from the server to a client cannot be matched to
/// one call, so only a process of one user or one session may send such requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Isolation {
    /// All callers: one process, which may send no requests to clients.
    #[default]
    Shared,
    /// The sessions of one user.
    PerUser,
    /// No sharing: one process for each session of an MCP client; without sessions, one for each credential.
    PerSession,
}

/// Revisions of the protocol to speak with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protocol {
    /// Those that the server is found to speak; 2026-07-28 where it speaks several.
    #[default]
    Auto,
    /// Those with the `initialize` handshake: 2025-11-25 and older ones.
    Legacy,
    /// 2026-07-28.
    Modern,
}

/// Rules for the tools of a server that callers see. A pattern is a tool's name, in which `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ToolRules {
    /// Only tools that match one of these; empty means all.
    #[schema(required = true)]
    pub allow: Vec<String>,
    /// None that match one of these.
    #[schema(required = true)]
    pub deny: Vec<String>,
    /// Descriptions in place of the server's own, by the tool's name; for the common list at `/mcp`.
    #[schema(required = true)]
    pub descriptions: BTreeMap<String, String>,
    /// Treatment of tools that are not as they were accepted.
    #[schema(required = true)]
    pub changes: ToolPinning,
}

shown!(ServerConfig {
    name,
    description,
    command,
    args,
    env => Names(env),
    cwd,
    enabled,
    remote,
    isolation,
    tools,
    protocol,
    launcher,
    start_timeout,
    sandbox,
    limits,
    grants_paths,
});

impl ServerConfig {
    /// A server that runs `command` without arguments, and starts as soon as it is registered.
    #[must_use]
    pub fn new(name: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            command: command.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            enabled: true,
            remote: None,
            isolation: Isolation::default(),
            tools: ToolRules::default(),
            protocol: Protocol::default(),
            launcher: None,
            start_timeout: None,
            sandbox: Sandbox::default(),
            limits: Limits::default(),
            grants_paths: true,
        }
    }

    /// A server that is reached at `url`, and spoken to as soon as it is registered.
    #[must_use]
    pub fn remote(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { remote: Some(Remote::new(url)), ..Self::new(name, "") }
    }

    /// Replaces the arguments.
    #[must_use]
    pub fn args<A: Into<String>>(self, args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..self }
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Longest time for it to become ready, in milliseconds, as it is written and stored.
    #[must_use]
    pub fn start_timeout_ms(&self) -> Option<u64> {
        self.start_timeout.map(|time| time.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// Every value of it that is a secret: those of its environment and of its headers, and its client secret.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let remote = self.remote.iter_mut();
        let far = remote.flat_map(|remote| remote.headers.values_mut().chain(&mut remote.oauth.client_secret));
        self.env.values_mut().chain(far)
    }

    /// Removes all that callers without a right to the configuration may not see: command, environment, rules, address.
    pub fn redact(&mut self) {
        // Taken apart, so that no new field is forgotten.
        let Self {
            name: _,
            description: _,
            command,
            args,
            env,
            cwd,
            enabled: _,
            remote,
            isolation: _,
            tools,
            protocol: _,
            launcher: _,
            start_timeout: _,
            sandbox,
            limits: _,
            grants_paths: _,
        } = self;
        command.clear();
        args.clear();
        env.clear();
        *cwd = None;
        *tools = ToolRules::default();
        *sandbox = Sandbox { level: sandbox.level, ..Sandbox::default() };
        if let Some(remote) = remote {
            *remote = Remote::new("");
        }
    }
}

/// A registered server: what its owner wrote and what was counted since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Opaque id.
    pub id: ServerId,
    /// Its owner.
    pub user_id: UserId,
    /// The configuration.
    pub config: ServerConfig,
    /// As of the last change of state.
    pub health_status: HealthStatus,
    /// Calls on record.
    pub total_calls: i64,
    /// Of those, failed.
    pub total_errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub total_execution_time: i64,
    /// When its last call ended.
    pub last_used_at: Option<Timestamp>,
    /// When its health was last looked at.
    pub last_health_check: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its configuration last changed.
    pub updated_at: Timestamp,
}

impl Server {
    /// A server of `user_id` that is registered now: never called, its health unknown.
    #[must_use]
    pub fn registered(user_id: UserId, config: ServerConfig) -> Self {
        let now = Timestamp::now();
        Self {
            id: ServerId::new(),
            user_id,
            config,
            health_status: HealthStatus::Unknown,
            total_calls: 0,
            total_errors: 0,
            total_execution_time: 0,
            last_used_at: None,
            last_health_check: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A share of a server with another account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The account it is shared with.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Any of `mcp:read`, `mcp:write`, `mcp:execute`.
    pub permissions: Vec<Permission>,
}
