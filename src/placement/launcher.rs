//! [`Launcher`]: from a server's configuration to what the supervisor starts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    authorizations::Authorizations,
    model::{
        EffectiveSandbox, LauncherUse, Limits, Network, Remote, Sandbox, SandboxLevel, Server, ServerConfig, ServerId,
        StartPreview, UserId,
    },
    named_secrets::Resolved,
    outbound::Reachable,
    packages::{InstallerCommand, InstallerSpec, folder_of_uv},
    placement::{
        containers::{self, Containers},
        program,
    },
    policy::{environment, launcher, package::LauncherPlan},
    supervisor::{
        Containment, Egress, INSTALLATION_VARIABLE, Launch, RemoteTarget, SERVER_VARIABLE, Seclusion, Sharing,
        guard::Spec,
    },
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
    /// Treatment of launchers of packages.
    pub launchers: LauncherUse,
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

    /// The containment of a process that is about to start as `launch` says, by what is there now, and the sandbox that
    /// it has in effect; `None` where it is not contained. Blocks.
    pub(super) fn renewed(&self, config: &ServerConfig, launch: &Launch) -> Option<(Containment, EffectiveSandbox)> {
        let before = launch.spec.containment.as_ref()?;
        let variables = inherited();
        let sandbox = self.containers.sandbox(config, &variables)?;
        let now = self.containers.contain(config, &sandbox, &before.home, &variables)?;
        // A level that was changed meanwhile comes with a launch of its own.
        (now.level == before.level).then_some((now, sandbox))
    }

    /// Builds the launch of a server, for `user` alone where one is named: its environment begins empty, gets the
    /// inherited variables, then its own, then Ostler's marks. Blocks.
    ///
    /// The home of a user's process is that of the user's next one, and of no other user's. With it comes the sandbox
    /// that the server has in effect; `None` for one at a URL.
    pub(super) fn launch(
        &self,
        authorizations: &Arc<Authorizations>,
        server: &Server,
        user: Option<UserId>,
        Resolved { config, missing, templates }: Resolved,
        sharing: Sharing,
    ) -> (Arc<Launch>, Option<EffectiveSandbox>) {
        let mut env = inherited();
        let own = self.folder(server.id).join(user.map_or_else(|| "shared".into(), |user| user.to_string()));
        // As its owner wrote it: what a secret holds grants nothing.
        let sandbox = self.containers.sandbox(&server.config, &env);
        let contained = |sandbox| self.containers.contain(&server.config, sandbox, &own, &env);
        let containment = sandbox.as_ref().and_then(contained);
        if let Some(containment) = &containment {
            containers::settle(&mut env, &own, containment.user.as_ref());
        }
        env.extend(config.env);
        let egress = self.egress(&config.sandbox.network);
        self.mark(&mut env, server.id, egress.is_some());
        let package = self.launcher_plan(&server.config).replaced();
        let fetches = package.is_none() && launcher::fetches(&config.command, &config.args);
        let factor = if fetches { FETCH_FACTOR } else { 1 };
        let wanted =
            |contained: &Containment| Sandbox { level: Some(contained.level), ..server.config.sandbox.clone() };
        let launch = Launch {
            package,
            renewals: 0,
            sandbox: containment.as_ref().map(wanted),
            spec: Spec {
                program: config.command,
                args: config.args,
                env,
                cwd: server.config.cwd.as_ref().map(containers::so_far),
                dir: containment.as_ref().map_or(&self.containers.bounds.servers, |contained| &contained.home).clone(),
                seclusion: self.seclusion.clone().filter(|_| containment.is_none()),
                own_folder: containment.as_ref().map(|contained| contained.home.clone()),
                temporary: None,
                limits: config.limits.or(self.limits),
                containment,
            },
            remote: config.remote.map(|remote| self.target(authorizations, server.id, remote)),
            missing,
            templates,
            sharing,
            egress,
            guard: self.guard.clone(),
            protocol: config.protocol,
            start_timeout: config.start_timeout.unwrap_or_else(|| self.start_timeout.saturating_mul(factor)),
            stop_grace: self.stop_grace,
            ping_timeout: self.health_check_interval.min(PING_TIMEOUT_MAX),
        };
        (Arc::new(launch), sandbox)
    }

    /// Treatment of the launcher in a server's command line.
    pub(super) fn launcher_plan(&self, config: &ServerConfig) -> LauncherPlan {
        LauncherPlan::of(config, self.launchers)
    }

    /// Adds Ostler's marks to the environment of a server's process, and takes away what is of no use in a network of
    /// its own.
    fn mark(&self, env: &mut BTreeMap<String, String>, id: ServerId, has_own_network: bool) {
        env.insert(INSTALLATION_VARIABLE.into(), self.mark.clone());
        env.insert(SERVER_VARIABLE.into(), id.to_string());
        // Nothing answers at a proxy there.
        env.retain(|name, _| !(has_own_network && environment::is_proxy(name)));
    }

    fn target(&self, authorizations: &Arc<Authorizations>, id: ServerId, remote: Remote) -> RemoteTarget {
        let authority = authorizations.authority(id, &remote.url);
        RemoteTarget { authority, remote, private_addresses: self.private_addresses }
    }

    /// The start of a server's program, as a launch would make it. Blocks.
    pub(super) fn preview(&self, config: &ServerConfig) -> StartPreview {
        let folder = &self.containers.bounds.servers;
        let mut variables = inherited();
        let sandbox = self.containers.sandbox(config, &variables).filter(|sandbox| sandbox.level != SandboxLevel::None);
        if sandbox.is_some() {
            containers::settle(&mut variables, folder, self.containers.user.as_ref());
        }
        variables.extend(config.env.clone());
        let path = variables.get("PATH").map_or("", String::as_str);
        let dir = config.cwd.as_ref().map_or(folder.as_path(), Path::new);
        let LauncherPlan { launcher, package, unrecognized, .. } = self.launcher_plan(config);
        StartPreview {
            program: program::resolved(&config.command, path, dir).map(|program| program.display().to_string()),
            cwd: config.cwd.clone(),
            args: config.args.clone(),
            package,
            launcher,
            unrecognized,
            folder: folder.display().to_string(),
            sandbox: Sandbox {
                level: Some(self.containers.level(config)),
                paths: sandbox.map(|sandbox| sandbox.paths).unwrap_or_default(),
                ..config.sandbox.clone()
            },
            limits: config.limits.or(self.limits),
            variables: variables.into_keys().collect(),
        }
    }
}

impl InstallerSpec for Launcher {
    fn spec(&self, command: &InstallerCommand) -> (PathBuf, Spec) {
        let mut config = ServerConfig::new("", command.program.clone()).args(command.args.clone());
        let is_contained = self.containers.level != SandboxLevel::None;
        config.sandbox.level = Some(if is_contained { SandboxLevel::Standard } else { SandboxLevel::None });
        config.grants_paths = false;
        let mut env = inherited();
        let sandbox = self.containers.sandbox(&config, &env);
        let contained = |sandbox| self.containers.contain(&config, sandbox, &command.home, &env);
        let mut containment = sandbox.as_ref().and_then(contained);
        if let Some(containment) = &mut containment {
            containment.write.push(command.dir.clone());
            // What it makes is Ostler's.
            containment.user = None;
            containers::settle(&mut env, &command.home, None);
        }
        env.insert("HOME".into(), command.home.display().to_string());
        env.extend(command.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        env.insert(INSTALLATION_VARIABLE.into(), self.mark.clone());
        let spec = Spec {
            program: config.command,
            args: config.args,
            env,
            dir: command.dir.clone(),
            cwd: None,
            seclusion: None,
            own_folder: None,
            temporary: None,
            limits: self.limits,
            containment,
        };
        (self.guard.clone(), spec)
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let path = inherited().remove("PATH").unwrap_or_default();
        program::resolved(program, &path, Path::new("/"))
    }
}

/// The variables that servers and installers get of Ostler's own, as far as they are text; with the Pythons that uv has
/// already, which it would look for in the home of a contained one.
fn inherited() -> BTreeMap<String, String> {
    let own = std::env::vars_os();
    let own = own.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut inherited = environment::inherited(own);
    if let Some(folder) = folder_of_uv(|name| inherited.get(name).cloned()) {
        inherited.insert(environment::UV_PYTHONS.into(), folder.display().to_string());
    }
    inherited
}
