//! Servers written as a client's configuration, with a variable in place of every secret.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::variables::variable;
use crate::{
    model::{Isolation, Limits, Protocol, Sandbox, ServerConfig, ToolRules},
    policy::reference,
};

/// The client whose configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFormat {
    /// Claude Code and Claude Desktop: `mcpServers`, variables as `${NAME}`.
    Claude,
    /// Cursor: `mcpServers`, variables as `${env:NAME}`.
    Cursor,
    /// VS Code: `servers`, variables as `${env:NAME}`.
    VsCode,
    /// Ostler itself: as for Claude, and what only Ostler knows.
    Ostler,
}

/// Stands for a `$` that begins no variable.
const DOLLAR: &str = "OSTLER_DOLLAR";

/// The `servers` as `format` has them. Values of `env` and of headers are secrets, and so none of them is written,
/// but for references to secrets, which Ostler alone reads.
#[must_use]
pub fn written(servers: &[ServerConfig], format: ClientFormat) -> Value {
    let mut names = BTreeSet::new();
    let mut variables = BTreeSet::from([DOLLAR.to_owned()]);
    let entries: Map<_, _> = servers
        .iter()
        .map(|server| {
            let name = unused(&mut names, &server.name, " ");
            let mut placeholders = Placeholders { format, server: &name, taken: &mut variables };
            let entry = placeholders.entry(server);
            (name, entry)
        })
        .collect();
    let section = if format == ClientFormat::VsCode { "servers" } else { "mcpServers" };
    json!({ section: entries })
}

struct Placeholders<'a> {
    format: ClientFormat,
    server: &'a str,
    taken: &'a mut BTreeSet<String>,
}

impl Placeholders<'_> {
    fn entry(&mut self, server: &ServerConfig) -> Value {
        let mut entry = match &server.remote {
            Some(remote) => {
                let headers = self.secrets(&remote.headers);
                json!({"type": "http", "url": self.literal(&remote.url), "headers": headers})
            }
            None => {
                let args: Vec<_> = server.args.iter().map(|arg| self.literal(arg)).collect();
                let command = self.literal(&server.command);
                json!({"type": "stdio", "command": command, "args": args, "env": self.secrets(&server.env)})
            }
        };
        if let Value::Object(members) = &mut entry {
            members.retain(|name, value| !(["env", "headers"].contains(&name.as_str()) && *value == json!({})));
            if let Some(cwd) = &server.cwd {
                members.insert("cwd".into(), self.literal(cwd).into());
            }
            if !server.enabled {
                members.insert("disabled".into(), true.into());
            }
            if self.format == ClientFormat::Ostler {
                ostler_members(members, server);
            }
        }
        entry
    }

    /// Each value as the variable that stands for it; a name that is taken already is prefixed with the server's name.
    fn secrets(&mut self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut written = BTreeMap::new();
        for (name, value) in values {
            if self.format == ClientFormat::Ostler && reference::is_whole(value) {
                // As a variable of the reader's own, it would be another one.
                let is_ambiguous = value.starts_with("${env:");
                written.insert(name.clone(), if is_ambiguous { self.literal(value) } else { value.clone() });
                continue;
            }
            let short = variable(name);
            let wanted = if self.taken.contains(&short) { variable(&format!("{}_{name}", self.server)) } else { short };
            let variable = unused(self.taken, &wanted, "_");
            written.insert(name.clone(), self.spelled(&variable));
        }
        written
    }

    fn spelled(&self, variable: &str) -> String {
        match self.format {
            ClientFormat::Claude | ClientFormat::Ostler => format!("${{{variable}}}"),
            ClientFormat::Cursor | ClientFormat::VsCode => format!("${{env:{variable}}}"),
        }
    }

    /// Text that is no variable though it may look like one. Only a default can say so, and not all have that.
    fn literal(&self, text: &str) -> String {
        match self.format {
            ClientFormat::Claude | ClientFormat::Ostler => text.replace("${", &format!("${{{DOLLAR}:-$}}{{")),
            ClientFormat::Cursor | ClientFormat::VsCode => text.to_owned(),
        }
    }
}

fn ostler_members(members: &mut Map<String, Value>, server: &ServerConfig) {
    if let Some(description) = &server.description {
        members.insert("description".into(), description.as_str().into());
    }
    if server.isolation != Isolation::default() {
        members.insert("isolation".into(), json!(server.isolation));
    }
    if server.tools != ToolRules::default() {
        members.insert("tools".into(), json!(server.tools));
    }
    if server.protocol != Protocol::default() {
        members.insert("protocol".into(), json!(server.protocol));
    }
    if let Some(launcher) = server.launcher {
        members.insert("launcher".into(), json!(launcher));
    }
    if let Some(time) = server.start_timeout_ms() {
        members.insert("startTimeoutMs".into(), time.into());
    }
    if server.sandbox != Sandbox::default() {
        members.insert("sandbox".into(), json!(server.sandbox));
    }
    if server.limits != Limits::default() {
        members.insert("limits".into(), json!(server.limits));
    }
}

/// `wanted`, or with a number after it where that is taken; taken from now on.
fn unused(taken: &mut BTreeSet<String>, wanted: &str, separator: &str) -> String {
    let numbered = (2..).map(|number: u32| format!("{wanted}{separator}{number}"));
    let found = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let name = found.unwrap_or_else(|| wanted.to_owned());
    taken.insert(name.clone());
    name
}
