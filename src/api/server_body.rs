//! Bodies that change a server; `policy::server` checks lengths and counts.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{Faults, Result},
    model::{
        Isolation, LauncherUse, Limits, Protocol, RemoteOAuth, Sandbox, ServerChange, Text, TextMap,
        new_server::{ToolRulesBody, Transport, check_transport, strings},
        present,
    },
};

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
    /// New working directory, an absolute path; `null` for a folder of its own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 4095)]
    cwd: Option<Option<Text>>,
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
    /// Treatment of the launcher in its command line; `null` for `MCP_LAUNCHERS`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<LauncherUse>)]
    launcher: Option<Option<LauncherUse>>,
    /// Longest time for it to become ready, in milliseconds; `null` for `MCP_START_TIMEOUT_MS`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>, minimum = 1000, maximum = 86_400_000)]
    start_timeout_ms: Option<Option<u64>>,
    /// The whole new sandbox.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Sandbox, required = false)]
    sandbox: Option<Sandbox>,
    /// The whole new limits.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Limits, required = false)]
    limits: Option<Limits>,
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
            cwd: body.cwd.map(|text| text.map(|text| text.0)),
            enabled: body.enabled,
            url: body.url.map(|text| text.0),
            headers: body.headers.map(|headers| headers.0),
            oauth: body.oauth,
            isolation: body.isolation,
            tools: body.tools.map(Into::into),
            protocol: body.protocol,
            launcher: body.launcher,
            start_timeout: body.start_timeout_ms.map(|time| time.map(Duration::from_millis)),
            sandbox: body.sandbox,
            limits: body.limits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Error,
        model::{Remote, ServerConfig, new_server::NewServerBody},
        web::body::parse,
    };

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
