//! From what an owner wrote to what the supervisor starts.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    model::{ServerConfig, ServerId},
    policy::environment,
    runtime::Runtime,
    supervisor::{INSTALLATION_VARIABLE, Launch, RemoteTarget, Sharing, guard::Spec},
};

/// Launchers that may have to download a package before the server speaks.
const DOWNLOADERS: [&str; 8] = ["npx", "uvx", "pipx", "bunx", "pnpm", "yarn", "docker", "podman"];

/// How much longer they get to become ready.
const PATIENCE: u32 = 3;

/// Longest time for a ping.
const PING: Duration = Duration::from_secs(5);

impl Runtime {
    /// How to run a server: its environment begins empty, gets what is passed on, then its own, then our marks.
    pub(super) fn launch(&self, id: ServerId, config: &ServerConfig, sharing: Sharing) -> Arc<Launch> {
        let settings = &self.inner.settings;
        let ours =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut env = environment::inherited(ours);
        env.extend(config.env.clone());
        env.insert(INSTALLATION_VARIABLE.into(), self.inner.place.mark.clone());
        env.insert("OSTLER_SERVER_ID".into(), id.to_string());
        let downloads =
            PathBuf::from(&config.command).file_name().is_some_and(|name| DOWNLOADERS.iter().any(|one| name == *one));
        Arc::new(Launch {
            spec: Spec {
                program: config.command.clone(),
                args: config.args.clone(),
                env,
                dir: std::path::absolute(&settings.servers_dir).unwrap_or_else(|_| settings.servers_dir.clone()),
                seclusion: self.inner.place.seclusion.clone(),
            },
            remote: config.remote.clone().map(|remote| RemoteTarget {
                authority: self.inner.authorizations.authority(id, &remote.url),
                remote,
                private_addresses: settings.private_addresses,
            }),
            sharing,
            guard: self.inner.place.guard.clone(),
            start_timeout: if downloads {
                settings.start_timeout.saturating_mul(PATIENCE)
            } else {
                settings.start_timeout
            },
            stop_grace: settings.stop_grace,
            ping_timeout: settings.health_check_interval.min(PING),
        })
    }
}
