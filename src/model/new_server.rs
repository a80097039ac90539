//! [`NewServerBody`]: a server to register, as JSON has it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::{
    error::{Error, Faults, Result},
    model::{
        Isolation, LauncherUse, Limits, Protocol, Remote, RemoteOAuth, Sandbox, ServerConfig, ToolPinning, ToolRules,
        text::{Text, TextMap},
    },
};

/// Transport between Ostler and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transport {
    /// Through the standard input and output of a process.
    Stdio,
    /// Over HTTP, at a `url`.
    StreamableHttp,
}

/// Rules for the tools that callers see. A pattern is a tool's name, in which `*` stands for anything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ToolRulesBody {
    /// Only tools that match one of these; none means all.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 1000)]
    allow: Vec<Text>,
    /// None that match one of these.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 1000)]
    deny: Vec<Text>,
    /// Descriptions in place of the server's own, by the tool's name; for the common list at `/mcp`.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    descriptions: TextMap,
    /// Treatment of tools that are not as they were accepted: `pin` keeps them from clients until they are accepted,
    /// `follow` accepts them as they come.
    #[serde(default)]
    #[schema(required = false)]
    changes: ToolPinning,
}

/// A server to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewServerBody {
    /// Its name, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
    /// Its purpose, at most 2000 characters.
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Text>,
    /// A program, by path or found on `PATH`; never given to a shell. Either this or `url` must be there.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4096)]
    command: Option<Text>,
    /// Its arguments, at most 256.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    args: Vec<Text>,
    /// Variables added to its environment, at most 128; the values are kept encrypted and shown masked.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    env: TextMap,
    /// Its working directory, an absolute path; left out means a folder of its own.
    #[schema(value_type = Option<String>, max_length = 4095)]
    cwd: Option<Text>,
    /// True when it starts now and with Ostler.
    #[serde(default = "yes")]
    #[schema(default = true, required = false)]
    enabled: bool,
    /// Its transport; follows from `command` or `url` where it is left out.
    transport: Option<Transport>,
    /// The endpoint of a server that is no program of this machine, `http` or `https`.
    #[schema(value_type = Option<String>, max_length = 2048)]
    url: Option<Text>,
    /// Headers sent there with every request, at most 64; the values are kept encrypted and shown masked.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<TextMap>,
    /// Parts of its OAuth that cannot be discovered; the client secret is kept encrypted and shown masked.
    oauth: Option<RemoteOAuth>,
    /// Sharing of its processes: by everybody, by the sessions of one user, or not at all. Only a process that one user
    /// or one session has for itself may ask its client for something.
    #[serde(default)]
    #[schema(required = false)]
    isolation: Isolation,
    /// Rules for the tools of it that are shown and callable.
    #[serde(default)]
    #[schema(required = false)]
    tools: ToolRulesBody,
    /// Revisions of the protocol to speak with it: those it is found to speak, or those you name.
    #[serde(default)]
    #[schema(required = false)]
    protocol: Protocol,
    /// Treatment of the launcher (`npx`, `uvx` and the like) in its command line: `replace` installs its package once
    /// and runs the package's program directly, `keep` runs it as it is. Left out means `MCP_LAUNCHERS`.
    launcher: Option<LauncherUse>,
    /// Longest time for it to become ready, in milliseconds; left out means `MCP_START_TIMEOUT_MS`.
    #[schema(minimum = 1000, maximum = 86_400_000)]
    start_timeout_ms: Option<u64>,
    /// Bounds of what its processes may reach; for programs alone.
    #[serde(default)]
    #[schema(required = false)]
    sandbox: Sandbox,
    /// Bounds of what its processes may use; for programs alone.
    #[serde(default)]
    #[schema(required = false)]
    limits: Limits,
}

fn yes() -> bool {
    true
}

impl TryFrom<NewServerBody> for ServerConfig {
    type Error = Error;

    fn try_from(body: NewServerBody) -> Result<Self> {
        let mut faults = Faults::default();
        let is_remote = body.url.is_some();
        check_transport(&mut faults, body.transport, is_remote);
        faults.check(is_remote || body.headers.is_none(), "/headers", "must not be given for a server without a url");
        faults.check(is_remote || body.oauth.is_none(), "/oauth", "must not be given for a server without a url");
        faults.into_result()?;
        let oauth = body.oauth.unwrap_or_default();
        let headers = body.headers.unwrap_or_default().0;
        Ok(Self {
            description: body.description.map(|text| text.0),
            args: strings(body.args),
            env: body.env.0,
            cwd: body.cwd.map(|text| text.0),
            enabled: body.enabled,
            remote: body.url.map(|url| Remote { headers, oauth, ..Remote::new(url.0) }),
            isolation: body.isolation,
            tools: body.tools.into(),
            protocol: body.protocol,
            launcher: body.launcher,
            start_timeout: body.start_timeout_ms.map(Duration::from_millis),
            sandbox: body.sandbox,
            limits: body.limits,
            ..Self::new(body.name.0, body.command.map(|text| text.0).unwrap_or_default())
        })
    }
}

/// The body of a registration, for programs that keep their servers in files.
impl<'de> Deserialize<'de> for ServerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NewServerBody::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl From<ToolRulesBody> for ToolRules {
    fn from(ToolRulesBody { allow, deny, descriptions, changes }: ToolRulesBody) -> Self {
        Self { allow: strings(allow), deny: strings(deny), descriptions: descriptions.0, changes }
    }
}

pub(crate) fn check_transport(faults: &mut Faults, transport: Option<Transport>, is_remote: bool) {
    match (transport, is_remote) {
        (Some(Transport::Stdio), true) => {
            faults.check(false, "/transport", "must be streamable-http where there is a url")
        }
        (Some(Transport::StreamableHttp), false) => faults.check(false, "/url", "is missing"),
        (Some(Transport::Stdio), false) | (Some(Transport::StreamableHttp), true) | (None, _) => {}
    }
}

pub(crate) fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}
