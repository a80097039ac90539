//! Configurations of MCP clients (`mcpServers`, `servers`), read, written and edited.
//!
//! Read in order: members (none twice), then entry after entry with its variables in place, as a
//! `ServerChange`; so an import registers or updates as if written by hand. All variables together may make 4 MiB of
//! text. An export is read as it was (a property test): a `$` that begins no variable is written as the default of an
//! unset one.

mod described;
mod edit;
mod entry;
mod export;
mod jsonc;
mod registry;
#[cfg(any(test, fuzzing))]
mod values_of;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use jsonc_parser::ast::Value;

use crate::{
    error::{Error, Result},
    model::{ServerChange, ServerConfig},
    policy::change,
};

use variables::Variables;

pub use described::Described;
pub use edit::{AddedEntry, Section, with_sections};
pub use export::{ClientFormat, written};
#[cfg(any(test, fuzzing))]
pub(crate) use values_of::values_of;

/// Most servers that one configuration may name.
pub const SERVERS_MAX: usize = 500;

/// The members that hold servers.
const SECTIONS: [&str; 2] = ["mcpServers", "servers"];

/// Members that other formats have in the place of these, and whose formats they are.
const OTHER_SECTIONS: [(&str, &str); 4] = [
    ("mcp", "opencode and the settings of VS Code"),
    ("mcp.servers", "the settings of VS Code"),
    ("context_servers", "Zed"),
    ("amp.mcpServers", "Amp"),
];

/// The names of the variables that a configuration asks for.
#[must_use]
pub fn named(text: &str) -> BTreeSet<String> {
    let mut names = variables::named(text);
    names.extend(registry::named(&jsonc::readable(text)));
    names
}

/// Every server of a client's configuration, JSON that may have comments and commas before a closing bracket. Fails
/// where the text as a whole cannot be read; a fault in one server is reported with that server.
///
/// An entry of a registry (`server.json`) is read as well, with its answers in `variables`.
///
/// A `${NAME}`, `${NAME:-default}` or `${env:NAME}` stands for the value of `variables`, in every value that reaches a
/// program or goes out as a header.
pub fn read(text: &str, variables: &BTreeMap<String, String>) -> Result<Vec<Described>> {
    let fault = |message: String| Error::invalid("/config", message);
    let text = jsonc::readable(text);
    if is_toml(&text) {
        return Err(fault("is TOML, as Codex writes it; write its `mcp_servers` as JSON, below `mcpServers`".into()));
    }
    let too_many = || fault(format!("describes more than {SERVERS_MAX} servers; take over some at a time"));
    if let Some(described) = registry::read(&text, variables) {
        return if described.len() > SERVERS_MAX { Err(too_many()) } else { Ok(described) };
    }
    let members = jsonc::members(jsonc::parse(&text)?).map_err(|reason| fault(format!("is not readable: {reason}")))?;
    let other = OTHER_SECTIONS.iter().find(|(name, _)| members.iter().any(|(member, _)| member == name));
    let sections: Vec<_> = members.into_iter().filter(|(name, _)| SECTIONS.contains(&name.as_str())).collect();
    if sections.is_empty() {
        let other = other.map_or_else(String::new, |(name, client)| {
            format!("; `{name}` is of {client}: write its servers below `mcpServers`, each with `command` or `url`")
        });
        return Err(fault(format!(
            "has neither `mcpServers` nor `servers`, and is no `server.json` of a registry{other}"
        )));
    }
    let mut variables = Variables::new(variables);
    let mut described: Vec<Described> = Vec::new();
    for (section, value) in sections {
        if let Value::StringLit(file) = &value {
            return Err(fault(format!("has its servers in another file: import {}", file.value)));
        }
        let entries = jsonc::members(value);
        let entries = entries.map_err(|reason| fault(format!("has a `{section}` that is amiss: {reason}")))?;
        for (name, value) in entries.into_iter().filter(|(name, value)| !is_comment(name, value)) {
            if described.iter().any(|one| one.name == name) {
                return Err(fault(format!("describes the server {name:?} twice")));
            }
            if described.len() == SERVERS_MAX {
                return Err(too_many());
            }
            described.push(match jsonc::plain(value) {
                Some(value) => entry::read(name, value, &mut variables),
                None => Described::refused(name, "has a number that is out of range"),
            });
        }
    }
    Ok(described)
}

/// True for the configuration of Codex: its first line that is no comment is a table or a key of TOML.
fn is_toml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| {
        let table = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
        let key = table.or_else(|| line.split_once('=').map(|(key, _)| key));
        key.is_some_and(|key| key.trim().starts_with(|first: char| first.is_ascii_alphabetic()))
    })
}

/// True for a text among the servers whose name says that it is none.
fn is_comment(name: &str, value: &Value<'_>) -> bool {
    matches!(value, Value::StringLit(_)) && name.starts_with(['_', '/', '#', '$'])
}

/// The configuration of a server that is not registered yet.
pub fn fresh(change: ServerChange) -> Result<ServerConfig> {
    change::merged(&ServerConfig::new("", ""), change)
}

#[cfg(test)]
mod tests;
