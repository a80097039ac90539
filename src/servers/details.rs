//! [`ServerDetails`]: a server as far as a caller may see it.

use std::sync::Arc;

use crate::{
    model::{Authorization, EffectiveSandbox, Principal, RuntimeStatus, Server},
    policy::{mask::MASKED, permission},
    registry::Registered,
};

/// A server, its process, and nothing secret: the values of `env` and headers in `server.config` are masked.
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
    /// Warnings about items that it lists and not every client takes, and about texts that speak to the model; none for
    /// callers who may not configure it.
    pub warnings: Arc<[String]>,
    /// Tools that wait to be accepted; 0 for callers who may not configure it.
    pub waiting_tools: usize,
    /// Changes whenever the configuration does; for `ETag` and `If-Match`, without quotes.
    pub revision: String,
}

impl ServerDetails {
    /// The server as far as `who` may see it.
    pub(super) fn of(
        registered: &Registered,
        authorization: impl FnOnce(&str) -> Option<Authorization>,
        warnings: impl FnOnce() -> (Arc<[String]>, usize),
        sandbox: impl FnOnce() -> Option<EffectiveSandbox>,
        who: &Principal,
    ) -> Self {
        let mut server = registered.current();
        server.config.secrets_mut().for_each(|value| *value = MASKED.into());
        let revision = revision(&server);
        let remote = server.config.remote.as_ref();
        let authorization = remote.and_then(|remote| authorization(&remote.url));
        let runtime_status = registered.status_for(who);
        if registered.allows(who, permission::CONFIGURES) {
            let ((warnings, waiting_tools), sandbox) = (warnings(), sandbox());
            return Self { server, runtime_status, authorization, sandbox, warnings, waiting_tools, revision };
        }
        server.config.redact();
        // They name tools, which the owner may have denied.
        let warnings = Arc::default();
        Self { server, runtime_status, authorization: None, sandbox: None, warnings, waiting_tools: 0, revision }
    }
}

/// Revision of a server's configuration, for `ETag`.
pub(super) fn revision(server: &Server) -> String {
    server.updated_at.to_string()
}
