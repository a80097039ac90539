//! What callers may write about a server; `policy::server` says how much.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    http::body::{Text, TextMap, present},
    model::{ServerChange, ServerConfig},
};

/// A server to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewServerBody {
    /// What to call it, 1 to 128 characters.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Text,
    /// What it is for, at most 2000 characters.
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Text>,
    /// A program, by path or found on `PATH`; never given to a shell.
    #[schema(value_type = String, min_length = 1, max_length = 4096)]
    command: Text,
    /// Its arguments, at most 256.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    args: Vec<Text>,
    /// Variables added to its environment, at most 128; the values are kept encrypted and shown masked.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    env: TextMap,
    /// Whether it starts now and with Ostler.
    #[serde(default = "yes")]
    #[schema(default = true, required = false)]
    enabled: bool,
}

/// A change to a server; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ServerChangeBody {
    /// New name, 1 to 128 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 128)]
    name: Option<Text>,
    /// New description; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<Text>>,
    /// New program.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 4096)]
    command: Option<Text>,
    /// New arguments, at most 256.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, max_items = 256)]
    args: Option<Vec<Text>>,
    /// The whole new environment; a value sent back masked stays what it was.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    env: Option<TextMap>,
    /// Whether it starts with Ostler; switching it starts or stops it now.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
}

fn yes() -> bool {
    true
}

impl From<NewServerBody> for ServerConfig {
    fn from(body: NewServerBody) -> Self {
        Self {
            description: body.description.map(|text| text.0),
            args: strings(body.args),
            env: body.env.0,
            enabled: body.enabled,
            ..Self::new(body.name.0, body.command.0)
        }
    }
}

impl From<ServerChangeBody> for ServerChange {
    fn from(body: ServerChangeBody) -> Self {
        Self {
            name: body.name.map(|text| text.0),
            description: body.description.map(|text| text.map(|text| text.0)),
            command: body.command.map(|text| text.0),
            args: body.args.map(strings),
            env: body.env.map(|env| env.0),
            enabled: body.enabled,
        }
    }
}

fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, http::body::parse};

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
        let config = ServerConfig::from(parse::<NewServerBody>(br#"{"name":"a","command":"b"}"#).unwrap());
        assert_eq!(config, ServerConfig::new("a", "b"));
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let change = |body: &str| parse::<ServerChangeBody>(body.as_bytes()).map(ServerChange::from);
        let empty = change("{}").unwrap();
        assert!(empty.name.is_none() && empty.description.is_none() && empty.enabled.is_none());
        assert_eq!(change(r#"{"description":null}"#).unwrap().description, Some(None));
        assert!(matches!(change(r#"{"name":null}"#), Err(Error::Invalid(_))));
    }
}
