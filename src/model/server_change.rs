//! [`ServerChange`]: a change to a server's configuration.

use std::{collections::BTreeMap, time::Duration};

use crate::model::{
    Isolation, LauncherUse, Limits, Protocol, RemoteOAuth, Sandbox, ToolRules,
    hidden::{Names, shown},
};

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
    /// New working directory; `Some(None)` for a folder of Ostler's.
    pub cwd: Option<Option<String>>,
    /// True when it starts with Ostler; changing it starts or stops the server now.
    pub enabled: Option<bool>,
    /// New address: the server is remote from now on, without a command, arguments and an environment. A new command
    /// makes it local again.
    pub url: Option<String>,
    /// The whole new headers of a remote server; a value sent back masked keeps what it was.
    pub headers: Option<BTreeMap<String, String>>,
    /// The whole new OAuth of a remote server; a masked client secret keeps what it was.
    pub oauth: Option<RemoteOAuth>,
    /// Callers that share one process of it from now on.
    pub isolation: Option<Isolation>,
    /// The new rules of its tools; replaces all of the old ones.
    pub tools: Option<ToolRules>,
    /// Revisions of the protocol to speak with it from now on.
    pub protocol: Option<Protocol>,
    /// New treatment of the launcher in its command line; `Some(None)` for the usual one.
    pub launcher: Option<Option<LauncherUse>>,
    /// New time to become ready; `Some(None)` for the usual one.
    pub start_timeout: Option<Option<Duration>>,
    /// The whole new sandbox.
    pub sandbox: Option<Sandbox>,
    /// The whole new limits.
    pub limits: Option<Limits>,
}

shown!(ServerChange {
    name,
    description,
    command,
    args,
    env => env.as_ref().map(Names),
    cwd,
    enabled,
    url,
    headers => headers.as_ref().map(Names),
    oauth,
    isolation,
    tools,
    protocol,
    launcher,
    start_timeout,
    sandbox,
    limits,
});
