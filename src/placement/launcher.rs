//! [`Launcher`]: from a server's configuration to what the supervisor starts.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    authorizations::Authorizations,
    model::{
        EffectiveSandbox, Limits, Network, Sandbox, SandboxLevel, SandboxPaths, Server, ServerConfig, ServerId,
        StartPreview, UserId,
    },
    named_secrets::Resolved,
    outbound::Reachable,
    placement::containers::Containers,
    policy::{environment, launcher},
    supervisor::{Egress, INSTALLATION_VARIABLE, Launch, RemoteTarget, Seclusion, Sharing, guard::Spec},
};

/// Times the usual time to start that a launcher gets, to fetch or build the server.
const FETCH_FACTOR: u32 = 3;

/// Longest time for a ping: one that takes longer says nothing that the next would not.
const PING_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Builds the launch of a server's process from its configuration and the settings of this Ostler.
pub(crate) struct Launcher {
    /// Marks the processes of this data folder.
    pub mark: String,
    /// The program that guards processes.
    pub guard: PathBuf,
    /// Contains servers.
    pub containers: Containers,
    /// Keeps those that are not contained from our data, where that can be had.
    pub seclusion: Option<Seclusion>,
    /// Time to become ready, for servers that name none.
    pub start_timeout: Duration,
    /// Time to end after its input is closed, and after it was asked to terminate.
    pub stop_grace: (Duration, Duration),
    /// Pause between pings, and so the longest one may take.
    pub health_check_interval: Duration,
    /// Limits of servers that name none.
    pub limits: Limits,
    /// Allows servers at private addresses, and connections of servers to such.
    pub private_addresses: bool,
}

impl Launcher {
    /// The reason why no server at `url` can ever be reached; `None` where one may be.
    #[cfg(feature = "remote")]
    pub(super) fn refused_url(&self, url: &str) -> Option<&'static str> {
        use crate::outbound::refusal;
        refusal(url, self.reachable())
    }

    /// The reason why no server at any URL can be reached.
    #[cfg(not(feature = "remote"))]
    pub(super) fn refused_url(&self, _url: &str) -> Option<&'static str> {
        Some(crate::supervisor::remote::UNSUPPORTED)
    }

    fn reachable(&self) -> Reachable {
        if self.private_addresses { Reachable::Any } else { Reachable::Public }
    }

    /// The hosts that a server may connect to; `None` for all.
    fn egress(&self, network: &Network) -> Option<Egress> {
        let hosts = match network {
            Network::Full => return None,
            Network::None => Vec::new(),
            Network::Hosts(hosts) => hosts.clone(),
        };
        Some(Egress { hosts, reachable: self.reachable() })
    }

    /// The folder of a server's own folders.
    pub(super) fn folder(&self, id: ServerId) -> PathBuf {
        self.containers.bounds.servers.join(id.to_string())
    }

    /// The sandbox that a server has in effect; `None` for one at a URL. Blocks.
    pub(super) fn sandbox(&self, config: &ServerConfig) -> Option<EffectiveSandbox> {
        let level = self.containers.level(config);
        let contained = level != SandboxLevel::None;
        let granted = || self.containers.granted(config, &environment::inherited(own_variables()));
        let paths = if contained { granted() } else { SandboxPaths::default() };
        config.remote.is_none().then(|| EffectiveSandbox::new(level, paths))
    }

    /// Builds the launch of a server, for `user` alone where one is named: its environment begins empty, gets the
    /// inherited variables, then its own, then Ostler's marks. Blocks.
    ///
    /// The home of a user's process is that of the user's next one, and of no other user's.
    pub(super) fn launch(
        &self,
        authorizations: &Arc<Authorizations>,
        server: &Server,
        user: Option<UserId>,
        Resolved { config, missing, templates }: Resolved,
        sharing: Sharing,
    ) -> Arc<Launch> {
        let mut env = environment::inherited(own_variables());
        let own = self.folder(server.id).join(user.map_or_else(|| "shared".into(), |user| user.to_string()));
        // As its owner wrote it: what a secret holds grants nothing.
        let containment = self.containers.contain(&server.config, &own, &mut env);
        env.extend(config.env);
        env.insert(INSTALLATION_VARIABLE.into(), self.mark.clone());
        env.insert("OSTLER_SERVER_ID".into(), server.id.to_string());
        let egress = self.egress(&config.sandbox.network);
        if egress.is_some() {
            // Nothing answers there in the server's own network.
            env.retain(|name, _| !environment::is_proxy(name));
        }
        let factor = if launcher::fetches(&config.command, &config.args) { FETCH_FACTOR } else { 1 };
        Arc::new(Launch {
            spec: Spec {
                program: config.command,
                args: config.args,
                env,
                dir: containment.as_ref().map_or(&self.containers.bounds.servers, |contained| &contained.home).clone(),
                seclusion: self.seclusion.clone().filter(|_| containment.is_none()),
                own_folder: containment.as_ref().map(|contained| contained.home.clone()),
                limits: config.limits.or(self.limits),
                containment,
            },
            sandbox: sandbox(&server.config, self.containers.level),
            remote: config.remote.map(|remote| RemoteTarget {
                authority: authorizations.authority(server.id, &remote.url),
                remote,
                private_addresses: self.private_addresses,
            }),
            missing,
            templates,
            sharing,
            egress,
            guard: self.guard.clone(),
            protocol: config.protocol,
            start_timeout: config.start_timeout.unwrap_or_else(|| self.start_timeout.saturating_mul(factor)),
            stop_grace: self.stop_grace,
            ping_timeout: self.health_check_interval.min(PING_TIMEOUT_MAX),
        })
    }

    /// The start of a server's program, as a launch would make it. Blocks.
    pub(super) fn preview(&self, config: &ServerConfig) -> StartPreview {
        let folder = &self.containers.bounds.servers;
        let mut variables = environment::inherited(own_variables());
        let granted = self.containers.granted(config, &variables);
        let is_contained = self.containers.contain(config, &folder.join("ID"), &mut variables).is_some();
        variables.extend(config.env.clone());
        let path = variables.get("PATH").map_or("", String::as_str);
        StartPreview {
            program: found(&config.command, path, folder).map(|program| program.display().to_string()),
            args: config.args.clone(),
            folder: folder.display().to_string(),
            sandbox: Sandbox {
                level: Some(self.containers.level(config)),
                paths: if is_contained { granted } else { SandboxPaths::default() },
                ..config.sandbox.clone()
            },
            limits: config.limits.or(self.limits),
            variables: variables.into_keys().collect(),
        }
    }
}

/// The file that a program's name leads to from a folder, by the rule of `execvp`; without links. Blocks.
fn found(program: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    let is_program =
        |file: &PathBuf| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let file = if program.contains('/') {
        Some(dir.join(program)).filter(is_program)
    } else {
        std::env::split_paths(path).map(|folder| dir.join(folder).join(program)).find(is_program)
    };
    file?.canonicalize().ok()
}

/// Ostler's own variables, as far as they are text.
fn own_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The sandbox of a server with the level that applies; `None` where it has none.
fn sandbox(config: &ServerConfig, usual: SandboxLevel) -> Option<Sandbox> {
    let level = config.sandbox.level.unwrap_or(usual);
    let is_contained = config.remote.is_none() && level != SandboxLevel::None;
    is_contained.then(|| Sandbox { level: Some(level), ..config.sandbox.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_it_would_be_run() {
        let sh = Path::new("/bin/sh").canonicalize().ok();
        let root = Path::new("/");
        assert_eq!(found("sh", "/nowhere:/bin:/usr/bin", root), sh);
        assert_eq!(found("/bin/sh", "", root), sh);
        assert_eq!(found("./sh", "", Path::new("/bin")), sh);
        for absent in ["sh ", "/bin", "bin", "no-such-program", ""] {
            assert_eq!(found(absent, "/:/usr", root), None, "{absent:?}");
        }
    }
}
