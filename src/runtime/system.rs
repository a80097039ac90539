//! [`System`]: version, database, configuration and limits of this Ostler.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    model::{Isolation, Machine, Permission, Principal, Timestamp},
    policy::{facilities, rate::Limit},
    runtime::{Configured, Runtime},
    store::{self, DatabaseUrl},
    supervisor,
    tasks::blocking,
};

/// Version, database, configuration and limits of this Ostler.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct System {
    /// Its version.
    pub version: &'static str,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Its database.
    pub database: DatabaseFacts,
    /// Every setting; none where the program that embeds it tells none.
    pub configuration: Vec<Configured>,
    /// Servers by the isolation of their processes.
    pub isolation: IsolationCounts,
    /// Rate limits, and limits of concurrency.
    pub limits: SystemLimits,
}

/// Kind, size and migrations of the database.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DatabaseFacts {
    /// Its kind.
    pub kind: DatabaseKind,
    /// Its size, in bytes.
    pub size_bytes: i64,
    /// The migrations it went through, in order.
    pub migrations: Vec<String>,
}

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// SQLite, a file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Servers by the isolation of their processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IsolationCounts {
    /// One process for all callers.
    pub shared: usize,
    /// One process for each user.
    pub per_user: usize,
    /// One process for each session.
    pub per_session: usize,
}

/// Rate limits, such as `20/60s`, and limits of concurrency; `null` is no limit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SystemLimits {
    /// Servers created, per user.
    pub server_create: Option<String>,
    /// Tools called, per user.
    pub tool_execute: Option<String>,
    /// Requests, per user.
    pub api: Option<String>,
    /// Changes, per user.
    pub change: Option<String>,
    /// Servers that may be starting at once.
    pub max_starting: usize,
    /// Calls that one server may have in flight.
    pub max_in_flight: usize,
}

impl Runtime {
    /// Tells what the program was configured with, for [`Runtime::system`] alone; the first time counts.
    pub fn describe(&self, configuration: Vec<Configured>) {
        let _ = self.inner.facts.configuration.set(configuration);
    }

    /// Version, database, configuration and limits (`mcp:manage`).
    pub async fn system(&self, who: &Principal) -> Result<System> {
        self.inner.access.require(who, Permission::McpManage, "system.read")?;
        let facts = |db: &mut store::Connection| Ok((store::disk_usage::bytes(db)?, store::migration::applied(db)?));
        let (size_bytes, migrations) = self.inner.store.read(facts).await?;
        let settings = &self.inner.settings;
        let kind = match settings.database {
            DatabaseUrl::Sqlite(_) => DatabaseKind::Sqlite,
            DatabaseUrl::Postgres(_) => DatabaseKind::Postgres,
        };
        let text = |limit: Option<Limit>| limit.map(|limit| limit.to_string());
        Ok(System {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.inner.facts.started_at,
            database: DatabaseFacts { kind, size_bytes, migrations },
            configuration: self.inner.facts.configuration.get().cloned().unwrap_or_default(),
            isolation: self.isolation(),
            limits: SystemLimits {
                server_create: text(settings.limits.server_create),
                tool_execute: text(settings.limits.tool_execute),
                api: text(settings.limits.api),
                change: text(settings.limits.change),
                max_starting: settings.max_starting,
                max_in_flight: settings.servers.max_in_flight,
            },
        })
    }

    /// Facilities of this machine to keep servers apart, tried now (`mcp:manage`).
    pub async fn machine(&self, who: &Principal) -> Result<Machine> {
        self.inner.access.require(who, Permission::McpManage, "system.read")?;
        let guard = self.inner.settings.guard.clone().unwrap_or_else(supervisor::this_program);
        let user = self.inner.settings.servers_user.clone();
        blocking(move || Ok(facilities::judge(&supervisor::facilities::probe(&guard, user.as_deref())))).await
    }

    fn isolation(&self) -> IsolationCounts {
        let mut counts = IsolationCounts::default();
        for registered in self.inner.registry.all().values() {
            *match registered.server.load().config.isolation {
                Isolation::Shared => &mut counts.shared,
                Isolation::PerUser => &mut counts.per_user,
                Isolation::PerSession => &mut counts.per_session,
            } += 1;
        }
        counts
    }
}
