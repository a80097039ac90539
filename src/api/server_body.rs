//! Bodies that register or change a server; `policy::server` checks lengths and counts.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::{
    error::{Faults, Result},
    model::{Isolation, Protocol, Remote, RemoteOAuth, ServerChange, ServerConfig, ToolRules},
    web::body::{Text, TextMap, present},
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
pub struct ToolRulesBody {
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
}

/// A server to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewServerBody {
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
    /// Longest time for it to become ready, in milliseconds; left out means `MCP_START_TIMEOUT_MS`.
    #[schema(minimum = 1000, maximum = 86_400_000)]
    start_timeout_ms: Option<u64>,
}

/// A change to a server; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerChangeBody {
    /// New name, 1 to 128 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 128)]
    name: Option<Text>,
    /// New description; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<Text>>,
    /// New program; makes a server at a `url` local.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 4096)]
    command: Option<Text>,
    /// New arguments, at most 256.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    args: Option<Vec<Text>>,
    /// The whole new environment; a value sent back masked stays what it was. A caller who may write the server without
    /// owning it can keep masked values only where the command line and all variables stay the same.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    env: Option<TextMap>,
    /// True when it starts with Ostler; switching it starts or stops it now.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// Its new transport; must fit `command` or `url`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Transport, required = false)]
    transport: Option<Transport>,
    /// New endpoint; replaces `command`, `args` and `env`. Headers are kept for the same scheme, host and port only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 2048)]
    url: Option<Text>,
    /// The whole new headers; a value sent back masked stays what it was. A caller who may write the server without
    /// owning it can keep masked values only where the address and all headers stay the same.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    headers: Option<TextMap>,
    /// The whole new `oauth`; a `clientSecret` sent back masked stays what it was, under the same rule as headers.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = RemoteOAuth, required = false)]
    oauth: Option<RemoteOAuth>,
    /// Sharing of its processes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Isolation, required = false)]
    isolation: Option<Isolation>,
    /// The whole new rules of its tools.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = ToolRulesBody, required = false)]
    tools: Option<ToolRulesBody>,
    /// Revisions of the protocol to speak with it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Protocol, required = false)]
    protocol: Option<Protocol>,
    /// Longest time for it to become ready, in milliseconds; `null` for `MCP_START_TIMEOUT_MS`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>, minimum = 1000, maximum = 86_400_000)]
    start_timeout_ms: Option<Option<u64>>,
}

fn yes() -> bool {
    true
}

impl TryFrom<NewServerBody> for ServerConfig {
    type Error = crate::error::Error;

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
            enabled: body.enabled,
            remote: body.url.map(|url| Remote { headers, oauth, ..Remote::new(url.0) }),
            isolation: body.isolation,
            tools: body.tools.into(),
            protocol: body.protocol,
            start_timeout: body.start_timeout_ms.map(Duration::from_millis),
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

impl TryFrom<ServerChangeBody> for ServerChange {
    type Error = crate::error::Error;

    fn try_from(body: ServerChangeBody) -> Result<Self> {
        let mut faults = Faults::default();
        if body.url.is_some() || body.command.is_some() {
            check_transport(&mut faults, body.transport, body.url.is_some());
        }
        faults.into_result()?;
        Ok(Self {
            name: body.name.map(|text| text.0),
            description: body.description.map(|text| text.map(|text| text.0)),
            command: body.command.map(|text| text.0),
            args: body.args.map(strings),
            env: body.env.map(|env| env.0),
            enabled: body.enabled,
            url: body.url.map(|text| text.0),
            headers: body.headers.map(|headers| headers.0),
            oauth: body.oauth,
            isolation: body.isolation,
            tools: body.tools.map(Into::into),
            protocol: body.protocol,
            start_timeout: body.start_timeout_ms.map(|time| time.map(Duration::from_millis)),
        })
    }
}

impl From<ToolRulesBody> for ToolRules {
    fn from(ToolRulesBody { allow, deny, descriptions }: ToolRulesBody) -> Self {
        Self { allow: strings(allow), deny: strings(deny), descriptions: descriptions.0 }
    }
}

fn check_transport(faults: &mut Faults, transport: Option<Transport>, is_remote: bool) {
    match (transport, is_remote) {
        (Some(Transport::Stdio), true) => {
            faults.check(false, "/transport", "must be streamable-http where there is a url")
        }
        (Some(Transport::StreamableHttp), false) => faults.check(false, "/url", "is missing"),
        (Some(Transport::Stdio), false) | (Some(Transport::StreamableHttp), true) | (None, _) => {}
    }
}

fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, web::body::parse};

    #[test]
    fn nobody_can_assign_what_is_not_theirs() {
        for field in ["userId", "id", "totalCalls", "healthStatus", "createdAt", "deletedAt"] {
            let body = format!(r#"{{"name":"a","command":"b","{field}":"x"}}"#);
            let Err(Error::Invalid(faults)) = parse::<NewServerBody>(body.as_bytes()) else { panic!("{field}") };
            assert_eq!(faults.0[0].pointer, format!("/{field}"));
        }
    }

    #[test]
    fn a_server_needs_only_a_name_and_a_command() {
        assert_eq!(config(r#"{"name":"a","command":"b"}"#).unwrap(), ServerConfig::new("a", "b"));
    }

    fn config(body: &str) -> Result<ServerConfig> {
        parse::<NewServerBody>(body.as_bytes())?.try_into()
    }

    #[track_caller]
    fn refused(body: &str) -> Vec<String> {
        let Err(Error::Invalid(faults)) = config(body) else { panic!("{body} was accepted") };
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_server_at_an_address_needs_only_a_name_and_the_address() {
        let config =
            config(r#"{"name":"a","url":"https://b/","headers":{"X":"y"},"transport":"streamable-http"}"#).unwrap();
        let headers = [("X".to_owned(), "y".to_owned())].into();
        assert_eq!(config.remote, Some(Remote { headers, ..Remote::new("https://b/") }));
        assert_eq!(ServerConfig { remote: None, ..config }, ServerConfig::new("a", ""));
    }

    #[test]
    fn a_transport_must_fit_what_else_is_said() {
        assert_eq!(refused(r#"{"name":"a","url":"https://b/","transport":"stdio"}"#), ["/transport"]);
        assert_eq!(refused(r#"{"name":"a","command":"b","transport":"streamable-http"}"#), ["/url"]);
        assert_eq!(refused(r#"{"name":"a","command":"b","headers":{}}"#), ["/headers"]);
        assert_eq!(refused(r#"{"name":"a","command":"b","transport":"sse"}"#), ["/transport"]);
    }

    #[test]
    fn isolation_and_rules_of_tools_are_read() {
        let body =
            r#"{"name":"a","command":"b","isolation":"per-session","tools":{"deny":["x*"],"descriptions":{"y":"z"}}}"#;
        let config = config(body).unwrap();
        assert_eq!((config.isolation, config.tools.deny), (Isolation::PerSession, vec!["x*".to_owned()]));
        assert_eq!(config.tools.descriptions["y"], "z");
        assert_eq!(refused(r#"{"name":"a","command":"b","tools":{"alow":[]}}"#), ["/tools/alow"]);
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let change = |body: &str| parse::<ServerChangeBody>(body.as_bytes()).and_then(ServerChange::try_from);
        let empty = change("{}").unwrap();
        assert!(empty.name.is_none() && empty.description.is_none() && empty.enabled.is_none() && empty.url.is_none());
        assert!(matches!(change(r#"{"url":"https://a","transport":"stdio"}"#), Err(Error::Invalid(_))));
        assert_eq!(change(r#"{"description":null}"#).unwrap().description, Some(None));
        assert!(matches!(change(r#"{"name":null}"#), Err(Error::Invalid(_))));
    }
}
