//! One server of a client's configuration.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    described::Described,
    variables::{self, Variables},
};
use crate::model::{Exact, Isolation, LauncherUse, Limits, Protocol, Sandbox, ServerChange, ToolRules};

/// Members that change what runs and have no counterpart here, so that leaving them out would be wrong; and what to do.
const WITHOUT_COUNTERPART: [(&str, &str); 3] = [
    ("envFile", "write its variables into `env`"),
    ("sandboxEnabled", "run it in a sandbox by its `command`"),
    ("headersHelper", "write the headers that it prints into `headers`"),
];

/// Members with the address of a remote server, in the order in which clients prefer them: Gemini's `url` is that of
/// the older transport.
const ADDRESSES: [&str; 3] = ["httpUrl", "url", "serverUrl"];

/// Names of transports, without case, `-` and `_`.
const LOCAL: [&str; 2] = ["stdio", "local"];
const REMOTE: [&str; 4] = ["http", "streamablehttp", "sse", "remote"];

/// The server that an entry describes, or the reason why it cannot be taken over.
pub(super) fn read(name: String, value: Value, variables: &mut Variables<'_>) -> Described {
    let Value::Object(members) = value else { return Described::refused(name, "is no object") };
    let mut entry = Entry { members, variables, notes: Vec::new() };
    let change = entry.change(&name);
    // Whatever was understood is gone by now; where something was not, the rest was not looked at.
    let ignored = if change.is_ok() { entry.members.keys().cloned().collect() } else { Vec::new() };
    Described { name, change, ignored, notes: entry.notes }
}

struct Entry<'a, 'b> {
    members: Map<String, Value>,
    variables: &'a mut Variables<'b>,
    notes: Vec<String>,
}

impl Entry<'_, '_> {
    fn change(&mut self, name: &str) -> Result<ServerChange, String> {
        for (member, fix) in WITHOUT_COUNTERPART {
            if !matches!(self.members.remove(member), None | Some(Value::Null | Value::Bool(false))) {
                return Err(format!("`{member}` cannot be taken over; {fix}"));
            }
        }
        let common = self.common(name)?;
        let transport = self.plain("type")?.or(self.plain("transport")?);
        if self.members.get("command").is_some_and(Value::is_array) {
            return Err(
                "`command` is a list, as opencode writes it; write its first as `command`, the rest as `args`".into()
            );
        }
        let (command, url) = (self.text("command")?, self.address()?);
        // Editors leave an empty field beside the one that counts.
        let (command, url) = match (command, url) {
            (Some(command), Some(url)) if url.is_empty() => (Some(command), None),
            (Some(command), Some(url)) if command.is_empty() => (None, Some(url)),
            both => both,
        };
        if is_local(transport.as_deref(), command.is_some(), url.is_some())? {
            let (args, env) = (self.list("args")?, self.map("env")?);
            let cwd = self.text("cwd")?.filter(|cwd| !cwd.is_empty());
            if self.members.get("headers").is_some_and(is_empty) {
                self.members.remove("headers");
            }
            if cwd.is_none() {
                self.note_relative_paths(command.as_deref().unwrap_or_default(), &args);
            }
            Ok(ServerChange { command, args: Some(args), env: Some(env), cwd: Some(cwd), ..common })
        } else {
            let is_plain = |left: Option<Value>| left.as_ref().is_none_or(is_empty);
            if !is_plain(self.members.remove("args")) || !is_plain(self.members.remove("env")) {
                return Err("`args` and `env` are of no use to a server at a `url`; leave them out".into());
            }
            self.note_consent();
            Ok(ServerChange { url, headers: Some(self.map("headers")?), ..common })
        }
    }

    /// The members that programs and remote servers have in common.
    fn common(&mut self, name: &str) -> Result<ServerChange, String> {
        Ok(ServerChange {
            name: Some(name.to_owned()),
            description: self.plain("description")?.map(Some),
            enabled: self.enabled()?,
            isolation: self.known::<Isolation>("isolation")?,
            tools: self.tools()?,
            protocol: self.known::<Protocol>("protocol")?,
            launcher: self.known::<Option<LauncherUse>>("launcher")?,
            start_timeout: self.known::<u64>("startTimeoutMs")?.map(|time| Some(Duration::from_millis(time))),
            sandbox: self.known::<Sandbox>("sandbox")?,
            limits: self.known::<Limits>("limits")?,
            ..ServerChange::default()
        })
    }

    /// `disabled` and `enabled` are each some clients' word for it; either can switch the server off.
    fn enabled(&mut self) -> Result<Option<bool>, String> {
        let (disabled, enabled) = (self.flag("disabled")?, self.flag("enabled")?);
        Ok(match (disabled.map(|disabled| !disabled), enabled) {
            (Some(one), Some(other)) => Some(one && other),
            (one, other) => one.or(other),
        })
    }

    fn address(&mut self) -> Result<Option<String>, String> {
        for member in ADDRESSES {
            if let Some(address) = self.text(member)? {
                // The others stay, and so are named as left out.
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// Ostler's rules, or a list of names as Copilot has it: `*` stands for all, and an empty list for none.
    fn tools(&mut self) -> Result<Option<ToolRules>, String> {
        if !self.members.get("tools").is_some_and(Value::is_array) {
            return self.known::<ToolRules>("tools");
        }
        let allow = self.list("tools")?;
        if allow.iter().any(|name| name == "*") {
            return Ok(None);
        }
        let deny = if allow.is_empty() { vec!["*".to_owned()] } else { Vec::new() };
        Ok(Some(ToolRules { allow, deny, ..ToolRules::default() }))
    }

    /// A client starts it in the folder of its project, Ostler in one of its own.
    fn note_relative_paths(&mut self, command: &str, args: &[String]) {
        let is_relative = |text: &&str| ["./", "../"].iter().any(|start| text.starts_with(start));
        let path = std::iter::once(command).chain(args.iter().map(String::as_str)).find(is_relative);
        self.notes.extend(path.map(|path| {
            format!(
                "`{path}` is looked for in Ostler's folder of servers, not in that of this file; write the whole \
                 path, or the `cwd`"
            )
        }));
    }

    /// Says how to consent with the client that the file names.
    fn note_consent(&mut self) {
        let Some(Value::Object(oauth)) = self.members.remove("oauth") else { return };
        let client = oauth.get("clientId").and_then(Value::as_str);
        let body = client.map_or_else(|| json!({}), |client| json!({"clientId": client}));
        self.notes
            .push(format!("it may want consent: POST /api/mcp/ID/authorize with {body}, or its page in the dashboard"));
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
        T::deserialize(Exact(value)).map(Some).map_err(|error| format!("`{member}` is not Ostler's: {error}"))
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
        // Not the text itself, which may be a password.
        if variables::is_bare(text) {
            self.notes
                .push(format!("`{place}` is kept as text, `$` and all; write `${{NAME}}` where a variable is meant"));
        }
        self.variables.expanded(text).map_err(|problem| format!("`{place}` {problem}"))
    }
}

/// True for a program of this machine, false for a remote server; fails where the entry is not clear about it.
fn is_local(transport: Option<&str>, has_command: bool, has_url: bool) -> Result<bool, String> {
    let spelled = transport.map(|name| name.to_ascii_lowercase().replace(['-', '_'], ""));
    let is = |names: &[&str]| spelled.as_deref().is_none_or(|spelled| names.contains(&spelled));
    match (has_command, has_url) {
        (true, true) => Err("has both a `command` and a `url`; leave one out".into()),
        (false, false) => Err("has neither a `command` nor a `url`".into()),
        (true, false) if is(&LOCAL) => Ok(true),
        (false, true) if is(&REMOTE) => Ok(false),
        (true, false) => Err(unfit(transport, "command", "stdio")),
        (false, true) => Err(unfit(transport, "url", "http (streamable-http) or sse")),
    }
}

fn unfit(transport: Option<&str>, member: &str, known: &str) -> String {
    format!("has the `type` {:?}; beside a `{member}` it is {known}", transport.unwrap_or_default())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
