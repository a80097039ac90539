//! Settings of a runtime; every field has a working default.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::{
    access::{AuditReceivers, RateLimits},
    accounts::OAuthSettings,
    model::Serve,
    policy::{restart::RestartPolicy, retention::Retention, secret_sources::SecretSources},
    servers::ServerSettings,
    store::DatabaseUrl,
    telemetry,
};

/// Settings of a [`crate::Runtime`]. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Address of the database.
    pub database: DatabaseUrl,
    /// Folder of the key file, the first-admin file and the lock.
    pub data_dir: PathBuf,
    /// Signs tokens and seals secrets at rest; `None` makes one in the data folder and keeps it.
    pub secret_key: Option<SecretString>,
    /// Address of the first admin, made while no user exists.
    pub admin_email: String,
    /// Its password; `None` makes one. Needs the feature `http`, without which it has none.
    pub admin_password: Option<SecretString>,
    /// Working directory of servers.
    pub servers_dir: PathBuf,
    /// Name of the account that contained servers run as, for an Ostler that runs as root; `None` is Ostler's own.
    pub servers_user: Option<String>,
    /// Time between health ticks.
    pub health_check_interval: Duration,
    /// Deadline of a call whose caller names none.
    pub call_timeout: Duration,
    /// Longest time from spawn to ready of a server that names none; launchers such as `npx`, which may have to fetch
    /// the server first, get three times that.
    pub start_timeout: Duration,
    /// Restart policy for children that crash.
    pub restart: RestartPolicy,
    /// Servers that may be starting at once.
    pub max_starting: usize,
    /// Bytes of servers' timelines on disk, of all together; 0 keeps none.
    pub log_bytes: u64,
    /// File outside the data folder to which the head of the audit log is appended as it grows; `None`: none.
    pub audit_head_file: Option<PathBuf>,
    /// Receivers elsewhere of the head of the audit log as it grows.
    pub audit_receivers: AuditReceivers,
    /// Greatest age and size of the calls and audit entries that are kept.
    pub retention: Retention,
    /// Limits of the servers that callers register.
    pub servers: ServerSettings,
    /// Places outside of Ostler that secrets of servers may come from.
    pub secret_sources: SecretSources,
    /// Time for a stopping server to end after its standard input closed, and again after SIGTERM.
    pub stop_grace: (Duration, Duration),
    /// Allows remote servers at addresses that are not public: private networks, this machine.
    pub private_addresses: bool,
    /// Rate limits of callers.
    pub limits: RateLimits,
    /// Issuer whose tokens are accepted beside Ostler's own, and the means to get tokens for servers.
    pub oauth: OAuthSettings,
    /// Halves of Ostler that run.
    pub serve: Serve,
    /// Defaults for services of the gateway.
    #[cfg(feature = "gateway")]
    pub gateway: crate::gateway::GatewaySettings,
    /// Destination of traces.
    pub telemetry: telemetry::TelemetrySettings,
    /// The program that guards processes: `None` is this one; see [`crate::guard`].
    pub guard: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: DatabaseUrl::Sqlite("data/ostler.db".into()),
            data_dir: "data".into(),
            secret_key: None,
            admin_email: "admin@localhost".into(),
            admin_password: None,
            servers_dir: "mcp-servers".into(),
            servers_user: None,
            health_check_interval: Duration::from_secs(30),
            call_timeout: Duration::from_secs(60),
            start_timeout: Duration::from_secs(60),
            restart: RestartPolicy::default(),
            max_starting: 8,
            log_bytes: 256 << 20,
            audit_head_file: None,
            audit_receivers: AuditReceivers::default(),
            retention: Retention::default(),
            servers: ServerSettings::default(),
            secret_sources: SecretSources::default(),
            stop_grace: (Duration::from_secs(2), Duration::from_secs(3)),
            private_addresses: false,
            limits: RateLimits::default(),
            oauth: OAuthSettings::default(),
            serve: Serve::All,
            #[cfg(feature = "gateway")]
            gateway: crate::gateway::GatewaySettings::default(),
            telemetry: telemetry::TelemetrySettings::default(),
            guard: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let database = DatabaseUrl::Postgres("postgres://me:s3cret@host/db".into());
        let (key, password) = (Some("s3cret key".into()), Some("s3cret password".into()));
        let settings = Settings { database, secret_key: key, admin_password: password, ..Settings::default() };
        let shown = format!("{settings:?} {:#?}", crate::Runtime::builder().with(|inner| *inner = settings.clone()));
        assert!(!shown.contains("s3cret") && shown.contains("secret_key: Some(SecretBox<str>([REDACTED]))"), "{shown}");
        assert!(format!("{:?}", Settings::default()).contains("secret_key: None"));
    }
}
