//! Building a runtime step by step, for programs that embed one.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::{
    error::Result,
    policy::restart::RestartPolicy,
    runtime::{Runtime, Settings},
    store::DatabaseUrl,
};

/// Collects settings; every one has a working default.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn embed() -> ostler::Result<()> {
/// let runtime = ostler::Runtime::builder()
///     .data_dir("data")
///     .call_timeout(Duration::from_secs(20))
///     .with(|settings| settings.private_addresses = true)
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Settings,
}

impl Runtime {
    /// Settings to change before [`Builder::start`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Keeps everything in this folder: the SQLite database, keys, the lock, and the servers' working directory.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.settings.database = DatabaseUrl::Sqlite(folder.join("ostler.db"));
        self.settings.servers_dir = folder.join("servers");
        self.settings.data_dir = folder;
        self
    }

    /// Uses this database; call it after [`Builder::data_dir`].
    #[must_use]
    pub fn database(mut self, database: DatabaseUrl) -> Self {
        self.settings.database = database;
        self
    }

    /// Has this program guard processes, not the running one; see [`crate::guard`].
    #[must_use]
    pub fn guard(mut self, program: impl Into<PathBuf>) -> Self {
        self.settings.guard = Some(program.into());
        self
    }

    /// Answers crashes by this policy.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.settings.restart = policy;
        self
    }

    /// Looks at the servers' health this often.
    #[must_use]
    pub fn health_check_interval(mut self, interval: Duration) -> Self {
        self.settings.health_check_interval = interval;
        self
    }

    /// Gives the first admin this password, if this start makes that account; without it, one is made up. Needs
    /// the feature `http`: in the core, no account has a password.
    #[must_use]
    pub fn admin_password(mut self, password: impl Into<SecretString>) -> Self {
        self.settings.admin_password = Some(password.into());
        self
    }

    /// Deadline of calls that name none.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.settings.call_timeout = timeout;
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// [Starts](Runtime::start) the runtime.
    pub async fn start(self) -> Result<Runtime> {
        Runtime::start(self.settings).await
    }
}
