//! Configurations of MCP clients (`mcpServers`, `servers`), read and written.
//!
//! Read in order: comments, members (none twice), then entry after entry with its variables in place, as a
//! `ServerChange`; so an import registers or updates as if written by hand. All variables together may make 4 MiB of
//! text. An export is read as it was (a property test): a `$` that begins no variable is written as the default of an
//! unset one.

mod comments;
mod entry;
mod export;
mod variables;

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    model::{ServerChange, ServerConfig},
    policy::{change, nesting},
};

use variables::Variables;

pub use export::{Format, written};
pub use variables::named;

/// Most servers that one configuration may name.
pub const MOST_SERVERS: usize = 500;

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
    let plain = comments::removed(text).map_err(|message| fault(message.to_owned()))?;
    if nesting::exceeds(&plain, nesting::SENT_MAX) {
        return Err(Error::Malformed(format!("config: {}", nesting::TOO_DEEP)));
    }
    let Entries(members) = serde_json::from_str(&plain).map_err(|error| fault(format!("is not readable: {error}")))?;
    let sections: Vec<_> = members.into_iter().filter(|(name, _)| SECTIONS.contains(&name.as_str())).collect();
    if sections.is_empty() {
        return Err(fault("has neither `mcpServers` nor `servers`".into()));
    }
    let mut variables = Variables::new(variables);
    let mut described: Vec<Described> = Vec::new();
    for (section, value) in sections {
        // Read again from the text, so that a server that is there twice does not go unnoticed.
        let entries = serde_json::from_str(value.get());
        let Entries(entries) = entries.map_err(|error| fault(format!("has a `{section}` that is amiss: {error}")))?;
        for (name, value) in entries {
            if described.iter().any(|one| one.name == name) {
                return Err(fault(format!("describes the server {name:?} twice")));
            }
            if described.len() == MOST_SERVERS {
                return Err(fault(format!("describes more than {MOST_SERVERS} servers; take over some at a time")));
            }
            let value = serde_json::from_str(value.get()).unwrap_or(Value::Null);
            let (change, ignored) = entry::read(&name, value, &mut variables);
            described.push(Described { name, change, ignored });
        }
    }
    Ok(described)
}

/// The configuration of a server that is not registered yet.
pub fn fresh(change: ServerChange) -> Result<ServerConfig> {
    change::merged(&ServerConfig::new("", ""), change)
}

/// An object's members in their order, none of them twice.
struct Entries(Vec<(String, Box<serde_json::value::RawValue>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                let mut order = Vec::new();
                while let Some((name, value)) = members.next_entry::<String, _>()? {
                    if entries.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("`{name}` is there twice")));
                    }
                    order.push(name);
                }
                let taken = |name: String| entries.remove(&name).map(|value| (name, value));
                Ok(Entries(order.into_iter().filter_map(taken).collect()))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
