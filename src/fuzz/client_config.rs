//! Configurations of MCP clients, as people import them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::{
    model::ServerConfig,
    policy::client_file::{self, AddedEntry, ClientFormat, SERVERS_MAX, Section},
};

/// The servers of a configuration are found again in what is written of them, and an edit of it needs no second one.
pub fn client_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    edited(text);
    let variables: BTreeMap<_, _> = client_file::named(text).into_iter().map(|name| (name, "$v".to_owned())).collect();
    let Ok(described) = client_file::read(text, &variables) else { return };
    assert!(described.len() <= SERVERS_MAX);
    let names: BTreeSet<_> = described.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names.len(), described.len());
    let changes = described.into_iter().filter_map(|one| one.change.ok());
    let servers: Vec<_> = changes.filter_map(|change| client_file::fresh(change).ok()).collect();
    let written = client_file::written(&servers, ClientFormat::Ostler);
    let values = client_file::values_of(&written, &servers);
    let again = client_file::read(&written.to_string(), &values).unwrap();
    let again = again.into_iter().map(|one| client_file::fresh(one.change.unwrap()).unwrap()).collect();
    assert_eq!(by_name(again), by_name(servers));
}

fn by_name(mut servers: Vec<ServerConfig>) -> Vec<ServerConfig> {
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    servers
}

fn edited(text: &str) {
    let entry = AddedEntry::Named("ostler".to_owned(), json!({"type": "http", "url": "u"}));
    let sections = [Section { member: "mcpServers", entry }];
    let Ok(edited) = client_file::with_sections(text, &sections) else { return };
    assert_eq!(client_file::with_sections(&edited, &sections).as_ref(), Ok(&edited));
}
