//! MCP servers as their owners describe them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{HealthStatus, Permission, ServerId, Timestamp, UserId, hidden::Names};

/// What to run: the part of a server its owner writes.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// What its owner calls it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// A program, by path or found on `PATH`; never given to a shell.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to its environment; the values are secrets.
    pub env: BTreeMap<String, String>,
    /// Whether it starts with Ostler.
    pub enabled: bool,
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { name, description, command, args, env, enabled } = self;
        f.debug_struct("ServerConfig")
            .field("name", name)
            .field("description", description)
            .field("command", command)
            .field("args", args)
            .field("env", &Names(env))
            .field("enabled", enabled)
            .finish()
    }
}

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
            enabled: true,
        }
    }

    /// The same with these arguments.
    #[must_use]
    pub fn args<A: Into<String>>(self, args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same with one more variable in its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

/// A registered server: what its owner wrote and what was counted since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Opaque id.
    pub id: ServerId,
    /// Its owner.
    pub user_id: UserId,
    /// What to run.
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

/// A change to a server's configuration; what is `None` stays.
#[derive(Clone, Default)]
pub struct ServerChange {
    /// New name.
    pub name: Option<String>,
    /// New description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// New command.
    pub command: Option<String>,
    /// New arguments.
    pub args: Option<Vec<String>>,
    /// The whole new environment; a value sent back masked keeps what it was.
    pub env: Option<BTreeMap<String, String>>,
    /// Whether it starts with Ostler; switching it starts or stops it now.
    pub enabled: Option<bool>,
}

impl fmt::Debug for ServerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart, so that no new field is forgotten.
        let Self { name, description, command, args, env, enabled } = self;
        f.debug_struct("ServerChange")
            .field("name", name)
            .field("description", description)
            .field("command", command)
            .field("args", args)
            .field("env", &env.as_ref().map(Names))
            .field("enabled", enabled)
            .finish()
    }
}

/// Who else may use a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// With whom.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Any of `mcp:read`, `mcp:write`, `mcp:execute`.
    pub permissions: Vec<Permission>,
}
