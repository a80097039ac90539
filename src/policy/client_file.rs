//! Configurations of MCP clients (`mcpServers`, `servers`), read, written and edited.
//!
//! Read in order: members (none twice), then entry after entry with its variables in place, as a
//! `ServerChange`; so an import registers or updates as if written by hand. All variables together may make 4 MiB of
//! text. An export is read as it was (a property test): a `$` that begins no variable is written as the default of an
//! unset one.

mod edit;
mod entry;
mod export;
mod jsonc;
mod variables;

use std::collections::BTreeMap;

use crate::{
    error::{Error, Result},
    model::{ServerChange, ServerConfig},
    policy::change,
};

use variables::Variables;

pub use edit::{AddedEntry, Section, with_sections};
pub use export::{ClientFormat, written};
pub use variables::named;

/// Most servers that one configuration may name.
pub const SERVERS_MAX: usize = 500;

/// The members that hold servers.
const SECTIONS: [&str; 2] = ["mcpServers", "servers"];

/// A server as a client's configuration describes it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Name that it has in the client's configuration.
    pub name: String,
    /// The server to register, or the reason why it cannot be taken over.
    pub change: Result<ServerChange, String>,
    /// Members that mean nothing here and were left out.
    pub ignored: Vec<String>,
}

/// Every server of a client's configuration, JSON that may have comments and commas before a closing bracket. Fails
/// where the text as a whole cannot be read; a fault in one server is reported with that server.
///
/// A `${NAME}`, `${NAME:-default}` or `${env:NAME}` stands for the value of `variables`, in every value that reaches a
/// program or goes out as a header.
pub fn read(text: &str, variables: &BTreeMap<String, String>) -> Result<Vec<Described>> {
    let fault = |message: String| Error::invalid("/config", message);
    let text = jsonc::readable(text);
    let members = jsonc::members(jsonc::parse(&text)?).map_err(|reason| fault(format!("is not readable: {reason}")))?;
    let sections: Vec<_> = members.into_iter().filter(|(name, _)| SECTIONS.contains(&name.as_str())).collect();
    if sections.is_empty() {
        return Err(fault("has neither `mcpServers` nor `servers`".into()));
    }
    let mut variables = Variables::new(variables);
    let mut described: Vec<Described> = Vec::new();
    for (section, value) in sections {
        let entries = jsonc::members(value);
        let entries = entries.map_err(|reason| fault(format!("has a `{section}` that is amiss: {reason}")))?;
        for (name, value) in entries {
            if described.iter().any(|one| one.name == name) {
                return Err(fault(format!("describes the server {name:?} twice")));
            }
            if described.len() == SERVERS_MAX {
                return Err(fault(format!("describes more than {SERVERS_MAX} servers; take over some at a time")));
            }
            let (change, ignored) = match jsonc::plain(value) {
                Some(value) => entry::read(&name, value, &mut variables),
                None => (Err("has a number that is out of range".into()), Vec::new()),
            };
            described.push(Described { name, change, ignored });
        }
    }
    Ok(described)
}

/// The configuration of a server that is not registered yet.
pub fn fresh(change: ServerChange) -> Result<ServerConfig> {
    change::merged(&ServerConfig::new("", ""), change)
}

#[cfg(test)]
mod tests;
