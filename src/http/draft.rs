//! What callers may write about a server, and how long it may be.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{Faults, Result},
    http::{
        body::{Text, TextMap, below, present},
        keys::check_name,
    },
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

impl NewServerBody {
    /// The server, or all its faults at once.
    pub(super) fn check(self) -> Result<ServerConfig> {
        let mut faults = Faults::default();
        check_name(&mut faults, &self.name);
        check_description(&mut faults, self.description.as_ref());
        check_command(&mut faults, &self.command);
        check_args(&mut faults, &self.args);
        check_env(&mut faults, &self.env);
        faults.into_result()?;
        Ok(ServerConfig {
            name: self.name.0,
            description: self.description.map(|text| text.0),
            command: self.command.0,
            args: strings(self.args),
            env: self.env.0,
            enabled: self.enabled,
        })
    }
}

impl ServerChangeBody {
    /// The change, or all its faults at once.
    pub(super) fn check(self) -> Result<ServerChange> {
        let mut faults = Faults::default();
        self.name.iter().for_each(|name| check_name(&mut faults, name));
        check_description(&mut faults, self.description.iter().flatten().next());
        self.command.iter().for_each(|command| check_command(&mut faults, command));
        self.args.iter().for_each(|args| check_args(&mut faults, args));
        self.env.iter().for_each(|env| check_env(&mut faults, env));
        faults.into_result()?;
        Ok(ServerChange {
            name: self.name.map(|text| text.0),
            description: self.description.map(|text| text.map(|text| text.0)),
            command: self.command.map(|text| text.0),
            args: self.args.map(strings),
            env: self.env.map(|env| env.0),
            enabled: self.enabled,
        })
    }
}

fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

fn check_description(faults: &mut Faults, description: Option<&Text>) {
    let holds = description.is_none_or(|Text(text)| text.chars().count() <= 2000);
    faults.check(holds, "/description", "must be at most 2000 characters");
}

fn check_command(faults: &mut Faults, Text(command): &Text) {
    let holds = command.len() <= 4096 && !command.trim().is_empty();
    faults.check(holds, "/command", "must be a program of 1 to 4096 bytes");
}

fn check_args(faults: &mut Faults, args: &[Text]) {
    faults.check(args.len() <= 256, "/args", "must be at most 256 arguments");
    for (index, Text(arg)) in args.iter().enumerate().take(256) {
        faults.check(arg.len() <= 32 << 10, format!("/args/{index}"), "must be at most 32 KiB");
    }
}

fn check_env(faults: &mut Faults, TextMap(env): &TextMap) {
    faults.check(env.len() <= 128, "/env", "must be at most 128 variables");
    for (name, value) in env.iter().take(128) {
        let holds = (1..=256).contains(&name.len()) && value.len() <= 32 << 10;
        faults.check(holds, below("/env", name), "must have a name of 1 to 256 bytes and a value of at most 32 KiB");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, http::body::parse};

    fn pointers(body: &str) -> Vec<String> {
        match parse::<NewServerBody>(body.as_bytes()).and_then(NewServerBody::check) {
            Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let long = "x".repeat(33 << 10);
        let body = format!(r#"{{"name":" ","command":"","args":["a","{long}"],"env":{{"A":"{long}"}}}}"#);
        assert_eq!(pointers(&body), ["/name", "/command", "/args/1", "/env/A"]);
    }

    #[test]
    fn nobody_can_assign_what_is_not_theirs() {
        for field in ["userId", "id", "totalCalls", "healthStatus", "createdAt", "deletedAt"] {
            let body = format!(r#"{{"name":"a","command":"b","{field}":"x"}}"#);
            assert_eq!(pointers(&body), [format!("/{field}")]);
        }
    }

    #[test]
    fn a_server_needs_only_a_name_and_a_command() {
        let config = parse::<NewServerBody>(br#"{"name":"a","command":"b"}"#).unwrap().check().unwrap();
        assert!(config.enabled && config.args.is_empty() && config.env.is_empty());
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let change = |body: &str| parse::<ServerChangeBody>(body.as_bytes()).and_then(ServerChangeBody::check);
        let empty = change("{}").unwrap();
        assert!(empty.name.is_none() && empty.description.is_none() && empty.enabled.is_none());
        assert_eq!(change(r#"{"description":null}"#).unwrap().description, Some(None));
        assert!(matches!(change(r#"{"name":null}"#), Err(Error::Invalid(_))));
    }
}
