//! One server of a client's configuration.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use super::variables::Variables;
use crate::model::{Isolation, Protocol, ServerChange, ToolRules};

/// Members that change what runs and have no counterpart here, so that leaving them out would be wrong; and what to do.
const WITHOUT_COUNTERPART: [(&str, &str); 4] = [
    ("envFile", "write its variables into `env`"),
    ("cwd", "write whole paths into `command` and `args`"),
    ("sandboxEnabled", "run it in a sandbox by its `command`"),
    ("oauth", "write the token into `headers`"),
];

/// The server that an entry describes, or the reason why it cannot be taken over; and the members left out.
pub(super) fn read(
    name: &str,
    value: Value,
    variables: &mut Variables<'_>,
) -> (Result<ServerChange, String>, Vec<String>) {
    let Value::Object(members) = value else { return (Err("is no object".into()), Vec::new()) };
    let mut entry = Entry { members, variables };
    let change = entry.change(name);
    // Whatever was understood is gone by now; where something was not, the rest was not looked at.
    let ignored = if change.is_ok() { entry.members.keys().cloned().collect() } else { Vec::new() };
    (change, ignored)
}

struct Entry<'a, 'b> {
    members: Map<String, Value>,
    variables: &'a mut Variables<'b>,
}

impl Entry<'_, '_> {
    fn change(&mut self, name: &str) -> Result<ServerChange, String> {
        for (member, fix) in WITHOUT_COUNTERPART {
            if !matches!(self.members.remove(member), None | Some(Value::Null | Value::Bool(false))) {
                return Err(format!("`{member}` cannot be taken over; {fix}"));
            }
        }
        let common = ServerChange {
            name: Some(name.to_owned()),
            description: self.plain("description")?.map(Some),
            enabled: self.flag("disabled")?.map(|disabled| !disabled),
            isolation: self.known::<Isolation>("isolation")?,
            // Others have members of this name with another meaning.
            tools: self.known::<ToolRules>("tools")?,
            protocol: self.known::<Protocol>("protocol")?,
            start_timeout: self.known::<u64>("startTimeoutMs")?.map(|time| Some(Duration::from_millis(time))),
            ..ServerChange::default()
        };
        let transport = self.plain("type")?.or(self.plain("transport")?);
        let (command, url) = (self.text("command")?, self.text("url")?.or(self.text("serverUrl")?));
        if is_local(transport.as_deref(), command.is_some(), url.is_some())? {
            self.members.remove("headers");
            Ok(ServerChange { command, args: Some(self.list("args")?), env: Some(self.map("env")?), ..common })
        } else {
            let is_plain = |left: Option<Value>| left.as_ref().is_none_or(is_empty);
            if !is_plain(self.members.remove("args")) || !is_plain(self.members.remove("env")) {
                return Err("`args` and `env` are of no use to a server at a `url`; leave them out".into());
            }
            Ok(ServerChange { url, headers: Some(self.map("headers")?), ..common })
        }
    }

    /// A text in which no variable is looked for.
    fn plain(&mut self, member: &str) -> Result<Option<String>, String> {
        match self.members.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("`{member}` is no string"))
            }
        }
    }

    fn text(&mut self, member: &str) -> Result<Option<String>, String> {
        let text = self.plain(member)?;
        text.map(|text| self.expanded(member, &text)).transpose()
    }

    fn flag(&mut self, member: &str) -> Result<Option<bool>, String> {
        match self.members.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("`{member}` is neither true nor false"))
            }
        }
    }

    fn known<T: serde::de::DeserializeOwned>(&mut self, member: &str) -> Result<Option<T>, String> {
        let Some(value) = self.members.remove(member) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| format!("`{member}` is not Ostler's: {error}"))
    }

    fn list(&mut self, member: &str) -> Result<Vec<String>, String> {
        match self.members.remove(member) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let numbered = items.into_iter().enumerate();
                numbered.map(|(index, item)| self.scalar(&format!("{member}/{index}"), item)).collect()
            }
            Some(Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Object(_)) => {
                Err(format!("`{member}` is no list of strings"))
            }
        }
    }

    fn map(&mut self, member: &str) -> Result<BTreeMap<String, String>, String> {
        match self.members.remove(member) {
            None | Some(Value::Null) => Ok(BTreeMap::new()),
            // A variable that is `null` is one that is not there.
            Some(Value::Object(members)) => members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| {
                    let value = self.scalar(&format!("{member}/{name}"), value)?;
                    Ok((name, value))
                })
                .collect(),
            Some(Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Array(_)) => {
                Err(format!("`{member}` is no object of strings"))
            }
        }
    }

    fn scalar(&mut self, place: &str, value: Value) -> Result<String, String> {
        match value {
            Value::String(text) => self.expanded(place, &text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(format!("`{place}` is no string")),
        }
    }

    fn expanded(&mut self, place: &str, text: &str) -> Result<String, String> {
        self.variables.expanded(text).map_err(|problem| format!("`{place}` {problem}"))
    }
}

/// True for a program of this machine, false for a remote server; fails where the entry is not clear about it.
fn is_local(transport: Option<&str>, has_command: bool, has_url: bool) -> Result<bool, String> {
    match (transport, has_command, has_url) {
        (_, true, true) => Err("has both a `command` and a `url`; leave one out".into()),
        (_, false, false) => Err("has neither a `command` nor a `url`".into()),
        (None | Some("stdio" | "local"), true, false) => Ok(true),
        (None | Some("http" | "streamable-http" | "streamableHttp" | "sse" | "remote"), false, true) => Ok(false),
        (Some(other), _, _) => Err(format!("`type` is {other:?}, which does not fit the rest or is not known")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
