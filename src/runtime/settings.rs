//! What a runtime can be told; every field has a working default.

use std::{path::PathBuf, time::Duration};

use crate::{
    policy::{command::AllowedCommands, rate::Limit, restart::RestartPolicy},
    store::DatabaseUrl,
};

/// Settings of a [`crate::Runtime`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the data are.
    pub database: DatabaseUrl,
    /// Folder of the key file, the first-admin file and the lock.
    pub data_dir: PathBuf,
    /// Signs tokens and seals secrets at rest; `None` makes one in the data folder and keeps it.
    pub secret_key: Option<String>,
    /// Address of the first admin, made while no user exists.
    pub admin_email: String,
    /// Its password; `None` makes one.
    pub admin_password: Option<String>,
    /// Working directory of servers.
    pub servers_dir: PathBuf,
    /// Time between health ticks.
    pub health_check_interval: Duration,
    /// Deadline of a call whose caller names none.
    pub call_timeout: Duration,
    /// Longest time from spawn to ready; `npx` and `uvx`, which download, get three times that.
    pub start_timeout: Duration,
    /// How crashes are answered.
    pub restart: RestartPolicy,
    /// How many servers may be starting at once.
    pub max_starting: usize,
    /// How many calls one server may have in flight.
    pub max_in_flight: usize,
    /// How long a stopping server has after its standard input closed, and again after SIGTERM.
    pub stop_grace: (Duration, Duration),
    /// Which command lines callers without `mcp:manage` may register.
    pub allowed_commands: AllowedCommands,
    /// Servers created, per user; `None` is no limit.
    pub limit_server_create: Option<Limit>,
    /// Tools called, per user.
    pub limit_tool_execute: Option<Limit>,
    /// API requests, per user.
    pub limit_api: Option<Limit>,
    /// The program that guards processes: `None` is this one, which must have called [`crate::guard`] first in `main`.
    pub guard: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        let limit = |quota, seconds| Some(Limit { quota, window: Duration::from_secs(seconds) });
        Self {
            database: DatabaseUrl::Sqlite("data/ostler.db".into()),
            data_dir: "data".into(),
            secret_key: None,
            admin_email: "admin@localhost".into(),
            admin_password: None,
            servers_dir: "mcp-servers".into(),
            health_check_interval: Duration::from_secs(30),
            call_timeout: Duration::from_secs(60),
            start_timeout: Duration::from_secs(60),
            restart: RestartPolicy::default(),
            max_starting: 8,
            max_in_flight: 256,
            stop_grace: (Duration::from_secs(2), Duration::from_secs(3)),
            allowed_commands: AllowedCommands::ManagersOnly,
            limit_server_create: limit(5, 300),
            limit_tool_execute: limit(20, 60),
            limit_api: limit(100, 60),
            guard: None,
        }
    }
}
