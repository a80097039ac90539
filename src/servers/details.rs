//! [`ServerDetails`]: a server as far as a caller may see it.

use std::sync::Arc;

use crate::{
    model::{
        Authorization, EffectiveSandbox, Limits, Principal, RuntimeStatus, SandboxLevel, Server, ServerConfig,
        ServerPackage,
    },
    policy::{mask::MASKED, permission, reference},
    registry::Registered,
};

/// A server, its process, and nothing secret: the values of `env` and headers in `server.config` are masked, but for
/// references to secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerDetails {
    /// The server as registered, with masked values.
    pub server: Server,
    /// Runtime status of its process.
    pub runtime_status: RuntimeStatus,
    /// State of its authorization, where it is remote and wants any.
    pub authorization: Option<Authorization>,
    /// The sandbox that its processes have in effect; `None` for a server at a URL, and for callers who may not
    /// configure it.
    pub sandbox: Option<EffectiveSandbox>,
    /// The package that it is started from; `None` where its command line names no launcher that is known, and for
    /// callers who may not configure it.
    pub package: Option<ServerPackage>,
    /// Limits in force for its processes: its own, and the usual ones where it names none. `None` is no bound.
    pub limits: Limits,
    /// Warnings about items that it lists and not every client takes, and about texts that speak to the model; none for
    /// callers who may not configure it.
    pub warnings: Arc<[String]>,
    /// Tools that wait to be accepted; 0 for callers who may not configure it.
    pub waiting_tools: usize,
    /// Changes whenever the configuration does; for `ETag` and `If-Match`, without quotes.
    pub revision: String,
    /// True when the caller may read or change its configuration.
    pub(super) is_configurable: bool,
}

impl ServerDetails {
    /// The server as far as `who` may see it.
    pub(super) fn of(
        registered: &Registered,
        authorization: impl FnOnce(&str) -> Option<Authorization>,
        warnings: impl FnOnce() -> (Arc<[String]>, usize),
        (sandbox, package): (impl FnOnce() -> Option<EffectiveSandbox>, impl FnOnce() -> Option<ServerPackage>),
        (level, usual): (SandboxLevel, &Limits),
        who: &Principal,
    ) -> Self {
        let mut server = registered.current();
        mask(&mut server.config);
        let revision = revision(&server);
        let remote = server.config.remote.as_ref();
        let authorization = remote.and_then(|remote| authorization(&remote.url));
        // Only contained ones have a folder of their own.
        let (wanted, has_folder) = (server.config.limits.or(*usual), level != SandboxLevel::None);
        let in_force = Limits { disk_mb: wanted.disk_mb.filter(|_| has_folder), ..wanted };
        let limits = if remote.is_some() { Limits::default() } else { in_force };
        let runtime_status = registered.status_for(who);
        let is_configurable = registered.allows(who, permission::CONFIGURES);
        let mut details = Self {
            server,
            runtime_status,
            authorization: None,
            sandbox: None,
            package: None,
            limits,
            // They name tools, which the owner may have denied.
            warnings: Arc::default(),
            waiting_tools: 0,
            revision,
            is_configurable,
        };
        if is_configurable {
            let (warnings, waiting_tools) = warnings();
            let (sandbox, package) = (sandbox(), package());
            return Self { authorization, sandbox, package, warnings, waiting_tools, ..details };
        }
        details.server.config.redact();
        details
    }
}

/// Masks the secrets of a configuration. A reference by itself is none, and its owner wants to know which it is.
pub(super) fn mask(config: &mut ServerConfig) {
    let values = config.secrets_mut().filter(|value| !reference::is_whole(value));
    values.for_each(|value| *value = MASKED.into());
}

/// Revision of a server's configuration, for `ETag`.
pub(super) fn revision(server: &Server) -> String {
    server.updated_at.to_string()
}
